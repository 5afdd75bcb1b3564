"""What a frame is told, and the in-flight frame that follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from phosphene.config import StreamConfig
from phosphene.stream.arrays import Array, Home
from phosphene.stream.batch import Denoiser, InFlightFrame, Plan
from phosphene.stream.camera import STILL, CameraMove
from phosphene.stream.coherence import coherent_strength, energy_noise, noisy_start, over
from phosphene.stream.conditioning import UNTOLD, Context
from phosphene.stream.engine import moved_on, picture_before, previous_picture
from phosphene.stream.guidance import Guidance
from phosphene.stream.memory import read
from phosphene.stream.noise import uniform
from phosphene.stream.schedule import Schedule
from phosphene.stream.similarity import Watch, decide, likeness, skip_probability
from phosphene.stream.state import StreamState


def towards(previous: Array, anchor: Array, weight: float) -> Array:
    """``previous`` (b c h w) moved by ``weight`` 0..1 towards ``anchor`` (1 c h w).

    A self-fed one-step stream predicts means and so loses detail a little with every frame; a share of
    a clean latent restores it (kNN-Diffusion, Sheynin et al. 2022, conditions on retrieved examples).
    It is only the start of a frame; the model still draws it.
    """
    return previous if weight <= 0.0 else previous + weight * (anchor - previous)


HELD = 0.75
"""weight of a guide from which on it is nearly the picture, and the model may leave out frames"""


@dataclass(frozen=True)
class ChunkCue:
    """What a model that draws chunks is told of a frame: its prompts change as a whole, at times."""

    goal: Array
    """(1 seq hidden) of the prompt that is drawn, or to be"""
    text: str = ""
    """of it, without words of motion"""
    time: float = 0.0
    """seconds on the show's clock"""
    bar: bool = False
    """a bar begins"""
    drop: bool = False
    """the music drops in"""


class FrameOptions(TypedDict, total=False):
    """What a frame may be told besides noise, prompt and energy."""

    camera: CameraMove | None
    """how the previous picture moves first; default: it stands still"""
    context: Context
    """what the model is told beside noise and prompt: sound, shapes to keep, colours; its past is added"""
    seed: int | None
    """of the noise between steps; default: the configured one"""
    source: Array | None
    """(1 c h w) clean latent of an input picture, for who encoded it already; in place of ``image``"""
    strength: float | None
    """0 keeps the start (image or previous picture), 1 ignores it; default: the configured strength
    for an image, what the blend ratio says for the previous picture"""
    noise_scale: float | None
    """factor on the noise against the previous picture; default: from the energy"""
    anchor: Array | None
    """(1 c h w) clean latent to draw the previous picture back to"""
    anchor_weight: float
    """how far in a frame, 0..1 (default 0); a stream without a past starts from the anchor"""
    span: float
    """frames since the one that entered before (default 1): strength, blend and anchor count so often"""
    cut: bool
    """forget the previous picture; frames on their way are dropped, so flush first to keep them"""
    forget: bool
    """another prompt begins: keep the previous picture, forget those of long ago"""
    chunk: ChunkCue | None
    """of models that draw chunks"""


@dataclass(frozen=True)
class Entry:
    """One frame's arguments. Arrays are at the engine's home."""

    noise: Array
    """(1 c h w) unit variance"""
    embeds: Array
    """(1 seq hidden)"""
    seed: int
    negative: Array | None = None
    """(1 seq hidden), needed by guidance full and initialize"""
    energy: float = 0.5
    """0..1"""
    image: Array | None = None
    """(1 c h w) clean latent to start from instead of the previous picture"""
    anchor: Array | None = None
    """(1 c h w) clean latent the previous picture is drawn back to"""
    anchor_weight: float = 0.0
    """0..1, a frame"""
    span: float = 1.0
    """frames since the one before"""
    camera: CameraMove = STILL
    context: Context = UNTOLD
    """what the model is told; its begin adds the past"""
    strength: float | None = None
    """0..1; None takes it from the settings"""
    noise_scale: float | None = None
    """factor on the noise; None takes it from the energy"""


def begin(
    state: StreamState, entry: Entry, model: Denoiser, config: StreamConfig, first_steps: int
) -> InFlightFrame:
    """A frame's plan and noisy start.

    ``first_steps`` are the denoising steps of a picture from nothing in a coherent stream. Raises
    :class:`~phosphene.errors.ConfigError` for a strength outside 0..1.
    """
    carried = _carried(state, entry, config)
    if carried is not None:
        return InFlightFrame(
            state.frame, Plan(()), carried, entry.embeds, context=entry.context, anchor=entry.anchor
        )
    schedule, coherent = model.schedule, config.enable_temporal_coherence
    previous = previous_picture(state, entry.camera) if coherent else None
    weight = 0.0 if entry.anchor is None else entry.anchor_weight
    if coherent and entry.anchor is not None and weight > 0.0:
        # the guide is the past of a stream that has none
        past = entry.anchor if previous is None else previous
        weight = weight if entry.span == 1 else over(weight, entry.span)
        previous = towards(past, entry.anchor, weight)
    source, indices = previous if entry.image is None else entry.image, config.t_index_list
    if source is not None:
        strength = _strength(entry, schedule, config)
        steps = schedule.steps(config.denoising_steps, strength, indices)
    elif coherent:
        # the list is for frames that have a picture before them; the first one is made whole
        steps = schedule.steps(first_steps)
    else:
        steps = schedule.steps(config.denoising_steps, indices=indices)
    timesteps = tuple(steps.tolist())
    if timesteps and timesteps[0] >= schedule.t_max and indices is None:
        # stable diffusion's schedule ends a little short of pure noise; samplers start from pure noise
        # all the same, and strength 1 promises to ignore the source. Who names timesteps makes no such wish:
        # StreamDiffusion leaves the picture what the schedule leaves it.
        source = None
    guidance = Guidance(config.guidance_mode, config.guidance_scale, config.delta)
    looks_back = coherent and model.memory_slots > 0
    remembered = read(state.memory, state.frame) if looks_back else None
    followed = model.follows_source and source is not None
    return InFlightFrame(
        frame=state.frame,
        plan=Plan(
            timesteps=timesteps,
            seed=entry.seed,
            guidance=guidance,
            stepper=config.stepper,
            gamma=config.tcd_gamma,
            add_noise=config.add_noise,
        ),
        x=_start(schedule, source, entry.noise, timesteps),
        embeds=entry.embeds,
        negative=entry.negative,
        reference=_reference(schedule, source, entry.noise, timesteps, config)
        if guidance.mode == "self"
        else None,
        context=entry.context.told(
            Context(
                previous=previous,
                noise=entry.noise if looks_back and source is None else None,
                held=Home.of(entry.noise).full((1,), weight)
                if looks_back and weight < HELD
                else None,
                before=picture_before(state, entry.camera) if looks_back else None,
                memory=None if remembered is None else remembered[0],
                memory_age=None if remembered is None else remembered[1],
                source=entry.image if followed else None,
            )
        ),
        anchor=entry.anchor,
    )


def _carried(state: StreamState, entry: Entry, config: StreamConfig) -> Array | None:
    """A frame (1 c h w) without the model: its guide, and what the model made of the last one.

    None where the model is to draw it; see ``stream.draw_interval``.
    """
    if config.draw_interval == 1 or state.frame % config.draw_interval == 0:
        return None
    anchor, past, followed = entry.anchor, state.finished, state.followed
    if anchor is None or past is None or followed is None or entry.image is not None:
        return None
    # frames on their way would be overtaken
    if config.stream_batch or entry.anchor_weight < HELD or not config.enable_temporal_coherence:
        return None
    return anchor + moved_on(past - followed, state, entry.camera)


def look(
    state: StreamState, entry: Entry, picture: Array, config: StreamConfig
) -> tuple[bool, Watch]:
    """Ask the similarity filter: (skip this frame?, what the filter remembers from now on).

    ``picture`` (b c h w) is what is compared: the input picture, or the noise to start from. Waits
    for the device. Never skips the first frame or a moving camera.
    """
    settings = f"{entry.seed} {entry.strength} {config!r}"
    seen = Watch(picture, entry.embeds, settings)
    if state.finished is None or not entry.camera.is_identity:
        return False, seen
    similarity = likeness(state.watch, seen)
    chance = skip_probability(similarity, config.similarity_threshold, entry.energy)
    draw = uniform(entry.seed, state.frame)
    return decide(state.watch, seen, chance, config.similarity_max_skip, draw)


def _strength(entry: Entry, schedule: Schedule, config: StreamConfig) -> float:
    if entry.image is not None:
        return config.strength if entry.strength is None else entry.strength
    if entry.strength is not None:
        # an input picture is there anew with every frame; the stream's own past is used up
        return entry.strength if entry.span == 1 else over(entry.strength, entry.span)
    factor = entry.noise_scale
    if factor is None:
        factor = energy_noise(config.noise_scale, entry.energy)
    return coherent_strength(
        schedule,
        config.temporal_blend_ratio,
        entry.energy,
        factor,
        config.adaptive_blending,
        entry.span,
    )


def _reference(
    schedule: Schedule,
    source: Array | None,
    noise: Array,
    timesteps: tuple[float, ...],
    config: StreamConfig,
) -> Array | None:
    """What guidance self pushes away from: the source; from nothing, with a list, the noise itself.

    The latter is StreamDiffusion's: its residual begins as the first noise n, so that
    ``r = (x - sigma n) / alpha`` with ``x = n``. Where alpha is 0, at a flow's pure noise, sigma is 1
    and nothing is left.
    """
    if source is not None or config.t_index_list is None or not timesteps:
        return source
    alpha, sigma = schedule.levels(timesteps[0])
    return ((1.0 - sigma) / alpha if alpha > 0.0 else 0.0) * noise


def _start(
    schedule: Schedule, source: Array | None, noise: Array, timesteps: tuple[float, ...]
) -> Array:
    if source is None:
        return noise
    return noisy_start(schedule, source, noise, timesteps[0]) if timesteps else source
