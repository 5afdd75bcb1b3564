"""From what is heard in one frame to what the picture does: plain functions anyone can replace."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phosphene.audio.moment import FrameFeatures
from phosphene.config import CameraConfig, PipelineConfig, ReactConfig
from phosphene.stream.camera import STILL, CameraMove

FloatArray = npt.NDArray[np.float32]

# doublings a second that a usual bass gives at CameraConfig.zoom = 1
ZOOM_UNIT = 0.1
# extra doublings, spread over the attack, of a full-strength hit at beat_punch = 1
PUNCH_UNIT = 0.25
# picture widths of ripple at CameraConfig.warp = 1
WARP_UNIT = 0.004
# of the pose: picture widths of sway, extra zoom of a full hit, seconds of a breath, turn against the
# camera's own, picture widths of ripple
SWAY = 0.06
SWELL = 0.3
BREATH_SECONDS = 9.0
POSE_TURN = 3.0
POSE_WARP = 0.05
# seconds a beat: at 120 beats a minute shapes move 1.6 times as fast on a beat, and 0.4 times between two
SURGE = 0.3


@dataclass(frozen=True)
class Reaction:
    """What one frame does to the picture."""

    energy: float
    """0..1: loud frames keep less of the previous picture"""
    noise_scale: float
    """factor on the noise of this frame, 1 = as scheduled"""
    controls: FloatArray
    """(5,) bass, mid, treble, onset, beat phase, each 0..1, for models that listen"""
    camera: CameraMove
    recall: float = 0.0
    """0..1: how far the picture is drawn back to the remembered shape of its prompt"""
    pose: CameraMove = STILL
    """how the remembered shape is seen in this frame; absolute, not per frame"""
    motion: float = 0.0
    """seconds that the remembered shape has moved at its own pace; absolute too"""


Mapping = Callable[[FrameFeatures], Reaction]


def default_mapping(config: PipelineConfig) -> Mapping:
    """Bass zooms, mids turn and ripple, attacks punch, loudness loosens the grip on the past."""
    react, camera, noise = config.react, config.camera, config.stream.noise_scale
    memory, pace = config.stream.anchor, config.stream.pace

    def mapping(heard: FrameFeatures) -> Reaction:
        bass = excite(heard.bass, react.bass_gain, react)
        mid = excite(heard.mid, react.mid_gain, react)
        treble = excite(heard.treble, react.treble_gain, react)
        onset = min(1.0, heard.onset * react.reactivity)
        controls = np.array(
            [saturate(bass), saturate(mid), saturate(treble), onset, heard.beat_phase], np.float32
        )
        return Reaction(
            energy=min(1.0, heard.energy * react.reactivity),
            noise_scale=1.0 + 0.1 * noise * react.reactivity * (onset - 0.25),
            controls=controls,
            camera=camera_move(heard, bass, mid, onset, camera),
            recall=min(1.0, memory * (1.0 + onset)),
            pose=pose(heard, bass, mid, onset, camera),
            motion=pace * travelled(heard.time, heard.beat_position),
        )

    return mapping


def excite(relative: float, gain: float, react: ReactConfig) -> float:
    """Relative loudness after gain and the reactivity knob; 1 stays "usual" at any reactivity."""
    return max(0.0, 1.0 + react.reactivity * (relative * gain - 1.0))


def saturate(relative: float) -> float:
    """Relative loudness 0.. -> 0..1, with usual at one half."""
    return 1.0 - math.exp(-math.log(2.0) * relative)


def camera_move(
    heard: FrameFeatures, bass: float, mid: float, onset: float, config: CameraConfig
) -> CameraMove:
    """Camera of one frame; speeds are per second, so any frame rate gives the same journey."""
    # a hit lasts a few frames; its punch is shared out over them by the onset curve itself
    punch = PUNCH_UNIT * config.beat_punch * onset * min(2.0, bass) * 8.0 / heard.fps
    doublings = ZOOM_UNIT * config.zoom * bass / heard.fps + punch * _sign(config.zoom)
    return CameraMove(
        zoom=2.0**doublings,
        rotate=math.radians(config.rotate) * mid / heard.fps,
        pan_x=config.pan_x / heard.fps,
        pan_y=config.pan_y / heard.fps,
        warp=WARP_UNIT * config.warp * mid * 24.0 / heard.fps,
        phase=2.0 * math.pi * heard.beat_position / 8.0,
    )


def pose(
    heard: FrameFeatures, bass: float, mid: float, onset: float, config: CameraConfig
) -> CameraMove:
    """How the remembered shape stands at a moment: it turns, sways, ripples, and swells on attacks.

    A closed form of the frame, like everything else that may be asked for in any order.
    """
    sway = SWAY * min(1.0, abs(config.zoom))
    swell = SWELL * config.beat_punch * onset * min(2.0, bass)
    breath = 0.5 + 0.5 * math.sin(2.0 * math.pi * heard.time / BREATH_SECONDS)
    return CameraMove(
        zoom=1.0 + 2.0 * sway * (1.0 + breath) + swell,
        rotate=math.radians(config.rotate) * POSE_TURN * heard.time,
        pan_x=sway * math.sin(2.0 * math.pi * heard.time / 11.0),
        pan_y=sway * math.cos(2.0 * math.pi * heard.time / 7.0),
        warp=POSE_WARP * config.warp * (0.3 + mid),
        phase=2.0 * math.pi * heard.beat_position / 4.0,
    )


def travelled(time: float, beats: float) -> float:
    """Seconds that remembered shapes have moved by ``time``: faster on every beat, slower between two."""
    return time + SURGE * math.sin(2.0 * math.pi * beats) / (2.0 * math.pi)


def _sign(zoom: float) -> float:
    return -1.0 if zoom < 0 else 1.0
