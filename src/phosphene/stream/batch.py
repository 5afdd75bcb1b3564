"""The stream batch: frames at different steps of their own plans share one model call.

StreamDiffusion (Kodaira 2023, sec. 3.1). A frame on its way is a :class:`InFlightFrame`; it carries
its prompt, guidance, timesteps and seed, so settings may change between frames without touching those before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from phosphene.stream.arrays import Array, Home
from phosphene.stream.conditioning import UNTOLD, Context, concat, join
from phosphene.stream.guidance import UNGUIDED, Guidance, guide_full, guide_residual
from phosphene.stream.noise import HeldNoise
from phosphene.stream.schedule import TINY, Prediction, Schedule, x0_weights
from phosphene.stream.steppers import Mix, lcm_boundary, lcm_mix, tcd_mix


class Denoise(Protocol):
    """One model call on a batch."""

    def __call__(self, latents: Array, timesteps: Array, embeds: Array, context: Context) -> Array:
        """(b c h w), (b,), (b seq hidden), what else the frames were told -> prediction (b c h w)."""
        ...


@dataclass(frozen=True)
class Denoiser:
    """A model as the engine sees it."""

    schedule: Schedule
    prediction: Prediction
    denoise: Denoise
    memory_slots: int = 0
    """pictures of long ago that it looks at, besides the one before the last; 0: the last one only"""
    follows_source: bool = False
    """whether it looks at the input picture itself"""


@dataclass(frozen=True)
class Plan:
    """How one frame is to be denoised."""

    timesteps: tuple[float, ...]
    """noisiest first; none at all keeps the latent as it is"""
    seed: int = 0
    guidance: Guidance = UNGUIDED
    stepper: Literal["lcm", "tcd"] = "lcm"
    gamma: float = 0.3
    add_noise: bool = True


@dataclass(frozen=True)
class InFlightFrame:
    """A frame on its way from noise to picture."""

    frame: int
    plan: Plan
    x: Array
    """(b c h w) noisy latent of step ``position``, or the finished one after the last step"""
    embeds: Array
    """(b seq hidden)"""
    negative: Array | None = None
    """(b seq hidden), for guidance full and initialize"""
    reference: Array | None = None
    """(b c h w) clean latent that residual guidance pulls away from; without one it does nothing"""
    context: Context = UNTOLD
    """what else the model is told"""
    position: int = 0
    anchor: Array | None = None
    """(b c h w) the guide that it is drawn back to"""

    @property
    def landed(self) -> bool:
        """Whether ``x`` is a finished picture."""
        return self.position >= len(self.plan.timesteps)

    @property
    def t(self) -> float:
        """The timestep of ``x``."""
        return self.plan.timesteps[self.position]

    @property
    def asks_negative(self) -> bool:
        """Whether the coming step needs the negative prompt."""
        return self.negative is not None and self.plan.guidance.asks_negative(self.position)


@dataclass(frozen=True)
class _Row:
    """A frame on its way and the prompt, or negative prompt, that a call is about."""

    in_flight: InFlightFrame
    embeds: Array
    wanted: bool = True


def advance(
    frames_in_flight: Sequence[InFlightFrame], model: Denoiser, noise: HeldNoise
) -> list[InFlightFrame]:
    """Take every frame in flight one step on, in one model call; complete ones stay as they are."""
    moving = [in_flight for in_flight in frames_in_flight if not in_flight.landed]
    asking = [in_flight for in_flight in moving if in_flight.asks_negative]
    rows = [_Row(in_flight, in_flight.embeds) for in_flight in moving]
    rows += [_Row(in_flight, in_flight.negative, wanted=False) for in_flight in asking]
    outputs = iter(_predict(rows, model))
    wanted = {in_flight.frame: next(outputs) for in_flight in moving}
    unwanted = {in_flight.frame: next(outputs) for in_flight in asking}
    return [
        in_flight
        if in_flight.landed
        else _step(in_flight, wanted[in_flight.frame], unwanted.get(in_flight.frame), model, noise)
        for in_flight in frames_in_flight
    ]


def complete(in_flight: InFlightFrame, model: Denoiser, noise: HeldNoise) -> InFlightFrame:
    """Take one frame in flight through all steps it has left."""
    while not in_flight.landed:
        [in_flight] = advance([in_flight], model, noise)
    return in_flight


def _step(
    in_flight: InFlightFrame,
    wanted: Array,
    unwanted: Array | None,
    model: Denoiser,
    noise: HeldNoise,
) -> InFlightFrame:
    """Predictions with and without the prompt -> the frame one step later."""
    x, schedule = in_flight.x, model.schedule
    alpha, sigma = schedule.levels(in_flight.t)
    on_x, on_prediction = x0_weights(model.prediction, alpha, sigma)
    x0 = on_x * x + on_prediction * wanted
    x0_negative = None if unwanted is None else on_x * x + on_prediction * unwanted

    in_flight = _remember_negative(in_flight, x0_negative)
    x0 = _guide(in_flight, x0, x0_negative, alpha)
    denoised = _boundary(in_flight, x0, schedule)

    in_flight = replace(in_flight, position=in_flight.position + 1)
    if in_flight.landed:
        return replace(in_flight, x=denoised)
    mix = _mix(in_flight, schedule)
    following = mix.x0 * denoised
    if mix.eps:
        following = following + (mix.eps / max(sigma, TINY)) * (x - alpha * x0)
    if mix.noise:
        following = following + mix.noise * noise(in_flight.plan.seed, in_flight.position, x.shape)
    return replace(in_flight, x=following)


def _remember_negative(in_flight: InFlightFrame, x0_negative: Array | None) -> InFlightFrame:
    if in_flight.plan.guidance.mode == "initialize" and in_flight.position == 0:
        return replace(in_flight, reference=x0_negative)
    return in_flight


def _guide(in_flight: InFlightFrame, x0: Array, x0_negative: Array | None, alpha: float) -> Array:
    guidance = in_flight.plan.guidance
    if not guidance.on:
        return x0
    if guidance.mode == "full":
        return x0 if x0_negative is None else guide_full(x0, x0_negative, guidance.scale)
    if in_flight.reference is None:
        return x0
    return guide_residual(in_flight.x, x0, in_flight.reference, alpha, guidance)


def _boundary(in_flight: InFlightFrame, x0: Array, schedule: Schedule) -> Array:
    if in_flight.plan.stepper == "tcd":
        return x0
    c_skip, c_out = lcm_boundary(schedule.thousandths(in_flight.t))
    return c_skip * in_flight.x + c_out * x0


def _mix(in_flight: InFlightFrame, schedule: Schedule) -> Mix:
    """The rule that leads to the frame's (already advanced) position."""
    plan = in_flight.plan
    alpha, sigma = schedule.levels(in_flight.t)
    if plan.stepper == "lcm":
        return lcm_mix(alpha, sigma, plan.add_noise)
    alpha_s, sigma_s = schedule.levels((1.0 - plan.gamma) * in_flight.t)
    return tcd_mix(alpha, sigma, alpha_s, sigma_s, plan.add_noise)


def _predict(rows: Sequence[_Row], model: Denoiser) -> list[Array]:
    """Model outputs of rows, in order.

    One call for all frames that were told the same kinds of things.
    """
    outputs: list[Array] = [None] * len(rows)
    kinds = [row.in_flight.context.kind for row in rows]
    for kind in dict.fromkeys(kinds):
        members = [i for i, own in enumerate(kinds) if own == kind]
        for i, output in zip(members, _call([rows[i] for i in members], model), strict=True):
            outputs[i] = output
    return outputs


def _call(rows: Sequence[_Row], model: Denoiser) -> list[Array]:
    frames_in_flight = [row.in_flight for row in rows]
    home = Home.of(frames_in_flight[0].x)
    sizes = [in_flight.x.shape[0] for in_flight in frames_in_flight]
    times = np.repeat(
        np.asarray([in_flight.t for in_flight in frames_in_flight], np.float32), sizes
    )
    context = join([in_flight.context for in_flight in frames_in_flight])
    wanted = [row.wanted for row in rows]
    if not all(wanted):
        told = home.float32(np.repeat(np.asarray(wanted, np.float32), sizes))
        context = replace(context, wanted=told)
    prediction = model.denoise(
        concat([in_flight.x for in_flight in frames_in_flight]),
        home.float32(times),
        concat([row.embeds for row in rows]),
        context,
    )
    ends = np.cumsum(sizes).tolist()
    return [prediction[end - size : end] for end, size in zip(ends, sizes, strict=True)]
