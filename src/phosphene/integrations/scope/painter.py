"""One frame after the other on the engine: what one call of Scope asks for becomes a picture."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from phosphene.arrays import Array
from phosphene.config import PipelineConfig
from phosphene.diffusion.base import BaseDiffusionPipeline
from phosphene.diffusion.stream import Key, StreamDiffusionPipeline
from phosphene.errors import InputError
from phosphene.integrations.scope.frames import to_picture
from phosphene.integrations.scope.orders import Order, Painted
from phosphene.integrations.scope.prompts import encoded
from phosphene.integrations.scope.tempo import Pulse
from phosphene.prompt.book import PromptBook, encoder
from phosphene.show.crossfade import decoded
from phosphene.show.detail import detail_gain, with_lines
from phosphene.show.live.cues import LiveCues
from phosphene.show.live.finishing import FlashGuard
from phosphene.show.live.sound import Sound
from phosphene.show.live.types import Frame
from phosphene.show.stamps import Stamps
from phosphene.stream.conditioning import UNTOLD, Context


@dataclass(frozen=True)
class _Stamp:
    order: Order
    image: Frame | None


class Painter:
    """A stream of pictures from one model; belongs to one thread.

    ``config`` must be completed by what the model suggests. Sizes the model cannot draw raise
    :class:`~phosphene.errors.PhospheneError` when painted.
    """

    def __init__(
        self, base: BaseDiffusionPipeline, config: PipelineConfig, now: float, sound: Sound
    ) -> None:
        self._config = config
        self._view = base.view(config.inference.model_copy())
        encode = encoder(self._view)
        self._book = PromptBook(lambda texts: encoded(texts, encode), threading.Condition())
        self._cues = LiveCues(self._view, config, self._book)
        self._stream = StreamDiffusionPipeline(self._view, config.stream)
        self._pulse = Pulse(now, sound)
        self._guard = FlashGuard()
        self._negative: str | None = None
        self._stamps = Stamps[_Stamp](self._stream)
        self._last: tuple[Array, Frame] | None = None

    def paint(self, order: Order, config: PipelineConfig, fps: float) -> Painted:
        """Draw one frame by ``config``; ``fps`` is how many come a second. Raises what the model raises."""
        self._adopt(config)
        if order.reset:
            self._stream.reset()
            self._stamps.clear()
        source, told, image = self._see(order)
        now = order.arrived
        heard = self._pulse.hear(order.beat, now, order.wish.values.number("beat"))
        cue = self._cues.cue(heard, now, source, told)
        while self._book.behind:
            self._book.work()
        if cue is None:
            cue = self._cues.cue(heard, now, source, told)
        if cue is None:
            raise InputError("this prompt cannot be drawn: write another one.")
        key, stamp = self._stamps.play(cue, _Stamp(order, image))
        return Painted(self._finish(key, stamp.image, fps), stamp.order)

    def _see(self, order: Order) -> tuple[Array | None, Context, Frame | None]:
        """The input picture's latent, what else it tells the model, and the picture itself."""
        if order.tensor is None:
            return None, UNTOLD, None
        size = self._view.inference_config
        image = to_picture(order.tensor, (size.width, size.height))
        goal, frames = self._cues.goal, image[None]
        strength = self._config.stream.strength
        dressed = frames if goal is None else self._view.dress(frames, goal, strength)
        return self._view.encode_image(dressed), self._view.told_of(frames), image

    def _adopt(self, config: PipelineConfig) -> None:
        """Draw by other settings from now on."""
        if config is not self._config:
            self._config = config
            self._cues.config = config
            self._stream.stream_config = config.stream
            inference = self._view.inference_config
            inference.width, inference.height = config.inference.width, config.inference.height
            inference.seed = config.inference.seed
            inference.num_inference_steps = config.inference.num_inference_steps
        if config.prompt.negative_prompt != self._negative:
            self._negative = config.prompt.negative_prompt
            self._stream.set_negative_prompt(self._negative)

    def _finish(self, key: Key, source: Frame | None, fps: float) -> Frame:
        stream = self._config.stream
        if self._last is None or self._last[0] is not key.latent or key.fading is not None:
            image: Frame = decoded(self._view, key)
            if source is not None and source.shape == image.shape:
                image = with_lines(image, source, detail_gain(stream.detail, stream.strength))
            self._last = key.latent, image
        if not self._config.video.limit_flashes:
            return self._last[1]
        return self._guard.limit(self._last[1], fps)
