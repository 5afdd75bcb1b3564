"""What is installed, what is on, what is missing and how to get it."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, packages_distributions, version

from phosphene.errors import OutputError, PhospheneError

CHAIN = (
    ("OSC", "pythonosc", "stage"),
    ("OSC, announced", "zeroconf", "stage"),
    ("Ableton Link", "aalink", "stage"),
    ("NDI", "cyndilib", "ndi"),
    ("WHIP", "aiortc", "webrtc"),
    ("sound card", "sounddevice", "soundcard"),
    ("virtual camera", "pyvirtualcam", "virtual-camera"),
    ("stems", "demucs_onnx", "stems"),
    ("Spout", "SpoutGL", "spout"),
    ("Syphon", "syphon", "syphon"),
)
"""other programs on stage: what for, the module, the extra that brings it"""
MIDI_DRIVER = (
    "python-rtmidi, which comes ready-made up to Python 3.12: use that, or have a C++ compiler here"
    " (on Linux also ALSA's headers, libasound2-dev) and `pip install python-rtmidi`"
)
"""what [stage] leaves out where it would have to be built, so that all else of it installs"""


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    topic: str
    fine: bool
    text: str
    optional: bool = False


def examine() -> list[Finding]:
    """Check everything; a finding that is not fine and not optional stops a show."""
    return [
        Finding("python", sys.version_info >= (3, 11), platform.python_version()),
        Finding(
            "machine", True, f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
        ),
        *[_package(name) for name in ("numpy", "onnxruntime", "av", "pydantic", "matplotlib")],
        _guarded("encoder", _encoders),
        _guarded("built-in model", _built_in_model),
        _guarded("torch", _torch, optional=True),
        _extra("Stable Diffusion", "diffusers", "torch"),
        _guarded("MLX", _mlx, optional=True),
        _guarded("device", _device, optional=True),
        _extra("librosa", "librosa", "librosa"),
        _extra("training", "onnx", "train"),
        *[_extra(topic, module, extra) for topic, module, extra in CHAIN],
        _midi(),
        _guarded("pipelines", _pipelines),
    ]


def format_findings(findings: list[Finding]) -> str:
    """The report as aligned lines."""
    lines = []
    for finding in findings:
        mark = "ok" if finding.fine else ("--" if finding.optional else "!!")
        lines.append(f"{mark}  {finding.topic:<17} {finding.text}")
    bad = [f.topic for f in findings if not f.fine and not f.optional]
    lines.append(f"\nmend first: {', '.join(bad)}" if bad else "\nready: phosphene demo")
    return "\n".join(lines)


def _guarded(topic: str, check: Callable[[], str], optional: bool = False) -> Finding:
    try:
        return Finding(topic, True, check())
    except (PhospheneError, ImportError, OSError) as error:
        # a missing optional part is no fault
        return Finding(topic, optional, str(error), optional)
    except Exception as error:  # a library that is broken, or too new, may raise anything
        return Finding(topic, False, f"does not work here ({type(error).__name__}: {error})")


def _package(name: str) -> Finding:
    try:
        return Finding(name, True, version(name))
    except PackageNotFoundError:
        return Finding(name, False, f"missing: pip install {name}")


def _extra(topic: str, module: str, extra: str) -> Finding:
    if importlib.util.find_spec(module):
        names = packages_distributions().get(module, [module])
        return Finding(topic, True, f"{names[0]} {version(names[0])}", optional=True)
    return Finding(topic, True, f"not installed: pip install 'phosphene[{extra}]'", optional=True)


def _midi() -> Finding:
    if importlib.util.find_spec("mido") and not importlib.util.find_spec("rtmidi"):
        return Finding("MIDI ports", True, f"not installed: they need {MIDI_DRIVER}", optional=True)
    return _extra("MIDI ports", "rtmidi", "stage")


def _encoders() -> str:
    import av

    missing = [name for name in ("libx264", "aac") if name not in av.codecs_available]
    if missing:
        raise ImportError(
            f"PyAV was built without {', '.join(missing)}: pip install --force-reinstall av"
        )
    _write_and_read()
    return f"H.264 and AAC written and read through PyAV {av.__version__}"


def _write_and_read() -> None:
    """Half a second of video with sound, by the very parts a render uses."""
    import tempfile
    from fractions import Fraction
    from pathlib import Path

    import numpy as np

    from phosphene.audio.compose import write_wav
    from phosphene.audio.decode import decode
    from phosphene.config import VideoConfig
    from phosphene.video.mux import Clock, Sound, Tags, assemble
    from phosphene.video.reader import read_frames
    from phosphene.video.spec import VideoSpec
    from phosphene.video.writer import SegmentWriter

    side, rate, frames, sound_rate = 64, Fraction(24), 12, 44100
    grey = np.full((side, side, 3), 128, np.uint8)
    with tempfile.TemporaryDirectory(prefix="phosphene-") as folder:
        work = Path(folder)
        song, segment, video = work / "a.wav", work / "a.mp4", work / "b.mp4"
        write_wav(song, np.zeros(sound_rate // 2, np.float32), sound_rate)
        writer = SegmentWriter(segment, VideoSpec.of(VideoConfig(), (side, side), rate))
        for _ in range(frames):
            writer.write(grey)
        writer.close()
        clock, sound = Clock.even(rate, frames), Sound(song, 0.0, 128_000)
        assemble(
            [segment], video, clock=clock, sound=sound, tags=Tags(), work=work, overwrite=False
        )
        shown, heard = sum(1 for _ in read_frames(video)), decode(video).duration
    if shown != frames or abs(heard - 0.5) > 0.1:
        raise OutputError(
            f"a video of {frames} pictures and 0.5 s of sound came back with {shown} and {heard:.2f} s:"
            " pip install --force-reinstall av."
        )


def _built_in_model() -> str:
    from phosphene.diffusion.lsd.manifest import verify

    return verify()


def _torch() -> str:
    if not importlib.util.find_spec("torch"):
        return "not installed (needed for Stable Diffusion only): pip install 'phosphene[torch]'"
    import torch

    if torch.cuda.is_available():
        return f"{torch.__version__} on {torch.cuda.get_device_name()}"
    if torch.backends.mps.is_available():
        return f"{torch.__version__} on Apple MPS"
    return f"{torch.__version__} on the CPU (no CUDA or MPS device found)"


def _mlx() -> str:
    from phosphene.diffusion.devices import has_mlx, mlx_on_gpu

    if not has_mlx():
        return "not installed (for --device mlx, on Apple silicon): pip install 'phosphene[mlx]'"
    where = "the GPU" if mlx_on_gpu() else "the CPU (to check with; it is made for Apple silicon)"
    return f"mlx {version('mlx')} on {where}"


def _device() -> str:
    from phosphene.diffusion.devices import choose

    choice, numbers = choose("auto"), ""
    if choice.device == "cpu" and importlib.util.find_spec("torch"):
        from phosphene.diffusion.checkpoints.device import says_bfloat16

        numbers = ", in bfloat16" if says_bfloat16() else ", in float32"
    return f"auto: {choice.device} for Stable Diffusion ({choice.why}{numbers}), cpu for the built-in model"


def _pipelines() -> str:
    from phosphene.diffusion.registry import pipeline_names

    return ", ".join(pipeline_names())
