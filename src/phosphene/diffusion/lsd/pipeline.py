"""The built-in model behind the contract: NumPy and ONNX Runtime, or tensors on a GPU.

Its latents are fields (place in the palette, light), its pictures are painted from them: sharpened, enlarged
to any size, and coloured by look-up with the palette that travels with each frame.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import sin
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from phosphene.config import DiffusionConfig, InferenceConfig, PipelineConfig
from phosphene.diffusion.base import (
    Array,
    BaseDiffusionPipeline,
    Frames,
    ModelFacts,
    Recalled,
    WorkerNeeds,
)
from phosphene.diffusion.devices import require_mlx
from phosphene.diffusion.lsd.colours import palette
from phosphene.diffusion.lsd.device import open_nets
from phosphene.diffusion.lsd.feeds import PLAN_SIZE
from phosphene.diffusion.lsd.guide import (
    SHORT,
    Moment,
    Recipe,
    finer,
    follow,
    guide,
    latent_size,
    luminance_field,
    on_the_way,
)
from phosphene.diffusion.lsd.manifest import inference
from phosphene.diffusion.lsd.motifs import Reader, Reading
from phosphene.diffusion.lsd.nets import WEIGHTS
from phosphene.diffusion.lsd.networks import SHARPENER, Networks
from phosphene.diffusion.lsd.painter import Painter, steeper
from phosphene.diffusion.lsd.render import Motif
from phosphene.diffusion.lsd.render.scene import ROCK
from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.diffusion.notices import say_once, say_unheeded
from phosphene.errors import InputError, ModelError
from phosphene.namespaces import array_namespace
from phosphene.prompt.weights import parse_weights
from phosphene.stream.arrays import to_numpy
from phosphene.stream.camera import STILL, CameraMove
from phosphene.stream.conditioning import Context
from phosphene.stream.entry import HELD
from phosphene.stream.memory import SLOTS
from phosphene.stream.noise import plan_of
from phosphene.stream.resize import resize
from phosphene.stream.schedule import Schedule

FloatArray = npt.NDArray[np.float32]

# what a silent room sounds like to the model: every band at its usual level, no attack
NEUTRAL_CONTROLS = np.array([0.5, 0.5, 0.5, 0.0, 0.0], np.float32)
# a full onset brightens the picture by a quarter: a flash. a third of it is an accent
CONTROL_GAIN = np.array([1.0, 1.0, 1.0, 0.35, 1.0], np.float32)
SIDE = 512
"""of a square picture, where no size is given"""
REDRAW = 0.15
"""of the strength of an input picture, how much noise the network redraws; the renderer does the rest"""
SOON = 1e-3
"""the least time, or contrast, that is divided by"""
MENDED = 1.05
"""most that a frame's contrast is mended by, as a factor: more would blow up what is nearly flat"""
HEARD = 256
"""prompts that are remembered"""
GUIDES = 16
"""guides that are kept until their pictures are refined: as many frames may be on their way"""
UNSEEN, ALIKE, APART = 0.004, 0.08, 0.3
"""of a plane's -1..1, by how much a field is off its guide: half a grey level; what may be a shade, and no
other shape; and what is another shape"""
HEEDED = {
    "model",
    "model_id",
    "lora_id",
    "device",
    "kernels",
    "threads",
    "runtime",
    "openvino_device",
}
"""settings that this model follows or refuses"""


@dataclass(frozen=True)
class _PromptReading:
    """What a prompt was taken for, and its colours (256, 3)."""

    reading: Reading
    palette: FloatArray


class LSDPipeline(BaseDiffusionPipeline):
    """Live Stream Diffusion: a small flow model of fields that sees its own last frame and the music."""

    name: ClassVar[str] = "lsd"
    needs: ClassVar[WorkerNeeds] = WorkerNeeds(cpus=1.0, gpu=False, networks=3)

    @classmethod
    def device_for(cls, config: DiffusionConfig) -> str | None:
        """MLX, where that is asked for. Raises MissingExtraError without it."""
        if config.device != "mlx":
            return None
        require_mlx()
        return "mlx"

    @classmethod
    def suggest(cls, config: PipelineConfig) -> None:
        """Deterministic steps, one frame at a time, on noise that is mostly new in every frame.

        The model was trained on noise that has nothing to do with its last picture; noise that stays
        would be taken for texture and grow. On a CPU a shared call costs what it saves.
        """
        config.inference.suggest(width=SIDE, height=SIDE)
        config.latent.suggest(fresh=0.7)
        config.stream.suggest(stream_batch=False, add_noise=False)
        # little noise and a firm hand keep lines crisp; what moves a picture is the renderer that it follows
        config.stream.suggest(temporal_blend_ratio=0.99, adaptive_blending=False, anchor=0.9)
        config.stream.suggest(draw_interval=2)
        # the lines of an input picture are finer than the model's
        config.stream.suggest(strength=0.5, detail=0.7)
        config.transform.suggest(strength=0.5, steps=1, detail=1.0, batch=1)
        # it draws no texture from noise that could stick to the screen; noise that moves makes it flicker
        config.transform.suggest(noise="fixed")

    def _open_nets(self, weights: Path) -> Networks:
        return open_nets(self.diffusion_config, weights)

    def load_model(self) -> None:
        """Open the networks that ship in the package, or those `phosphene train` wrote to a folder."""
        config = self.diffusion_config
        if config.lora_id:
            raise ModelError(
                f"the built-in model takes no LoRA: drop '{config.lora_id}' or choose --model sd15."
            )
        weights = _weights(config.model_id)
        others = DiffusionConfig.model_fields.keys() - HEEDED
        say_unheeded(config, others, "only Stable Diffusion has that")
        self._nets = self._open_nets(weights)
        self._told: tuple[Array, FloatArray] | None = None
        self._names: tuple[Array, Array] | None = None
        self._text = TextEncoder(weights / "text.npz")
        self._reader = Reader(self._text)
        self._heard: OrderedDict[bytes, _PromptReading] = OrderedDict()
        self._painter = Painter(config.threads)
        self._guide = lru_cache(GUIDES)(self._drawn_once)
        self._inference = inference(weights)
        self._facts = ModelFacts(
            name=self.name,
            latent_channels=2,
            # of a square; see `get_latent_shape`
            latent_factor=8,
            size_multiple=8,
            prediction="flow",
            schedule=Schedule.flow(),
            embed_shape=(1, self._text.dim),
            max_size=4096,
            min_size=256,
            scalable=True,
            # the kind of model that remembers is the kind that sees the source
            memory_slots=SLOTS,
            follows_source=True,
        )
        size, multiple = self.inference_config, self._facts.size_multiple
        if size.height % multiple or size.width % multiple:
            raise InputError(
                f"the built-in model draws multiples of {multiple} pixels, not"
                f" {size.width}x{size.height}."
            )

    def view(self, inference: InferenceConfig) -> Self:
        """The same loaded model, with sizes of its own; a painter serves one thread."""
        view = super().view(inference)
        view._painter = Painter(self.diffusion_config.threads)
        return view

    @property
    def facts(self) -> ModelFacts:
        """Facts about the built-in model."""
        return self._facts

    def get_latent_shape(self, batch: int = 1) -> tuple[int, int, int, int]:
        """(batch, 2, height, width): the short side is 64, whatever the size of the picture."""
        size = self.inference_config
        return (batch, 2, *latent_size(size.height, size.width))

    def asarray(self, array: npt.NDArray[np.float32]) -> Array:
        """The array as contiguous float32, on the GPU if the networks are."""
        return self._nets.tensor(array)

    def encode_prompt(self, prompt: str | Sequence[str]) -> Array:
        """Word vectors, weighted and averaged -> (n, 1, dim); an empty prompt is all zeros."""
        texts = [prompt] if isinstance(prompt, str) else list(prompt)
        return self.asarray(np.stack([self._hear(text)[0] for text in texts])[:, None, :])

    def palettes(self, prompts: Sequence[str]) -> FloatArray:
        """(n, 256, 3) sRGB 0..255: the colours that each prompt names, or its motif has by nature."""
        return np.stack([self._hear(text)[1].palette for text in prompts])

    def read(self, prompt: str) -> Reading:
        """What a prompt is taken for."""
        return self._hear(prompt)[1].reading

    def _hear(self, prompt: str) -> tuple[FloatArray, _PromptReading]:
        """A prompt's vector (dim,), and what it was taken for."""
        spans = parse_weights(prompt)
        vector = self._text.encode_words(spans)
        key = vector.tobytes()
        heard = self._heard.get(key)
        if heard is None:
            text = " ".join(span for span, weight in spans if weight > 0)
            reading = self._reader.read(text, vector)
            if not reading.sure:
                say_once(
                    f"'{text}' names no pattern that this model knows: drawing {reading.motif.label}."
                    " `phosphene words` lists them."
                )
            heard = self._heard[key] = _PromptReading(reading, palette(text, reading.motif.family))
            while len(self._heard) > HEARD:
                self._heard.popitem(last=False)
        return vector, heard

    def encode_image(self, frames: Frames) -> Array:
        """uint8 (b, h, w, 3) -> fields (b, 2, h', w'): luminance as place and light."""
        return self.asarray(luminance_field(frames, *latent_size(*frames.shape[1:3])))

    def follow(self, source: Array, drawn: Array | None, strength: float) -> tuple[Array, float]:
        """The prompt's pattern along the shapes of an input picture, and how much of it to redraw."""
        if drawn is None:
            return source, strength
        return follow(source, drawn, strength), REDRAW * strength

    def _vector(self, embeds: Array) -> FloatArray:
        """A prompt (1, 1, dim) as (dim,) on the host; from a GPU the same array is fetched once."""
        if isinstance(embeds, np.ndarray):
            own: FloatArray = embeds.reshape(-1, self._text.dim)[0].astype(np.float32, copy=False)
            return own
        told = self._told
        if told is None or told[0] is not embeds:
            told = self._told = embeds, to_numpy(embeds).reshape(-1, self._text.dim)[0]
        return told[1]

    def denoise(self, latents: Array, timesteps: Array, embeds: Array, context: Context) -> Array:
        """One U-Net call -> velocity (b, 2, h, w)."""
        batch, xp = latents.shape[0], array_namespace(latents)
        controls = self._neutral if context.controls is None else context.controls
        times = xp.broadcast_to(xp.asarray(timesteps, dtype=xp.float32), (batch,))
        best = self._inference
        level: float | Array = best.history_noise
        share: float | Array = best.share
        free: Array | None = None
        if context.held is not None and context.source is None:
            # each row's own: 0 where a guide holds the past firmly, 1 where nothing does. such a past would
            # lose, a little with every frame, what the camera blurs in it
            free = 1 - xp.clip(context.held / HELD, 0.0, 1.0)
            level = level + (best.history_alone - level) * free
            share = (share + (1 - share) * free)[:, None, None, None]
        velocity = self._nets.denoise(
            latents,
            times,
            self._named(embeds),
            previous=context.previous,
            history_noise=level,
            audio=xp.broadcast_to(controls * self._gain, (batch, 5)),
            before=context.before,
            memory=context.memory,
            memory_age=context.memory_age,
            source=context.source,
            plan=None if context.noise is None else plan_of(context.noise, PLAN_SIZE),
        )
        followed = context.previous if context.source is None else context.source
        # the clean field is x - t v; what is not the network's in it is what it follows
        time = times[:, None, None, None]
        soon = xp.maximum(time, SOON)
        if followed is not None and best.share < 1:
            velocity = share * velocity + (1 - share) * (latents - followed) / soon
        if free is None or context.memory is None or context.memory_age is None:
            return velocity
        first, there = context.memory[:, 0], context.memory_age[:, 0] > 0
        weight = (free * xp.astype(there, xp.float32))[:, None, None, None]
        return velocity - weight * faded(latents - time * velocity, first) / soon

    @cached_property
    def _neutral(self) -> Array:
        return self.asarray(NEUTRAL_CONTROLS)

    @cached_property
    def _gain(self) -> Array:
        return self.asarray(CONTROL_GAIN)

    def recall(
        self,
        embeds: Array,
        variant: int = 0,
        pose: CameraMove = STILL,
        motion: float = 0.0,
        controls: Array | None = None,
        *,
        before: tuple[Array, int] | None = None,
        share: float = 1.0,
        seen: bool = True,
    ) -> Recalled:
        """What the prompt's motif looks like now: the renderer draws it, from a `Recipe`."""
        heard = None if controls is None else to_numpy(controls).reshape(-1)[:5]
        moment = Moment(variant, pose, motion, heard)
        old = None if before is None or share >= 1 else (self._vector(before[0]), before[1])
        told = Recipe(self._vector(embeds), moment, old, share).numbers()
        by = self._by if seen else 1
        latent, _ = self._guide(told.tobytes(), *self.get_latent_shape()[2:], by)
        return Recalled(self.asarray(latent), told)

    def stance(self, embeds: Array, pose: CameraMove) -> CameraMove:
        """The pose; what has an up and a down rocks where others turn."""
        upright = self._motif(embeds).upright
        return replace(pose, rotate=ROCK * sin(pose.rotate)) if upright else pose

    @property
    def _by(self) -> int:
        """How much finer than a latent its guide is drawn."""
        return finer(min(self.inference_config.height, self.inference_config.width))

    def _drawn_once(
        self, told: bytes, rows: int, columns: int, by: int
    ) -> tuple[FloatArray, FloatArray]:
        """A guide as a latent (1, 2, rows, columns) and ``by`` times as fine: the one is the other's mean."""
        fine = self.drawn(np.frombuffer(told, np.float32), by * rows, by * columns)
        return fine.reshape(1, 2, rows, by, columns, by).mean(axis=(3, 5)), fine

    def drawn(self, told: FloatArray, rows: int, columns: int) -> FloatArray:
        """The guide (1, 2, rows, columns) of a recipe (n,), drawn at any size."""
        recipe = Recipe.of(told)
        moment = recipe.moment
        drawn = guide(self._motif(recipe.prompt), moment, rows, columns)
        if recipe.before is None:
            return drawn
        prompt, variant = recipe.before
        old = guide(self._motif(prompt), replace(moment, variant=variant), rows, columns)
        return on_the_way(old, drawn, recipe.share, moment.variant)

    def refine(self, latents: Array, guides: Array | None = None) -> FloatArray:
        """Fields (b, 2, by h, by w): where they are what their guides are, these drawn finer; else sharpened.

        The finer ``by`` is that of :func:`~phosphene.diffusion.lsd.guide.finer` for the configured size, or
        the sharpener's where there is no guide.
        """
        if min(latents.shape[-2:]) > SHORT:
            return to_numpy(latents)
        if guides is None:
            return np.stack([steeper(field) for field in to_numpy(self._nets.sharpen(latents))])
        rows = zip(to_numpy(latents), to_numpy(guides), strict=True)
        return np.concatenate([self._finer(latent[None], told) for latent, told in rows])

    def _finer(self, latent: FloatArray, told: FloatArray) -> FloatArray:
        guide, fine = self._guide(told.tobytes(), *latent.shape[-2:], self._by)
        rows, columns = fine.shape[-2:]
        off = latent - guide
        far = np.abs(off).max(axis=1, keepdims=True)
        most = float(far.max())
        if most < UNSEEN:
            return fine
        fine = fine + resize(off, rows, columns)
        if most > ALIKE:
            # the network drew something of its own there
            trust = resize(np.exp(-np.square(far / APART)), rows, columns)
            own = np.stack([steeper(field) for field in to_numpy(self._nets.sharpen(latent))])
            own = resize(own, rows, columns)
            fine = own + trust * (fine - own)
        return np.asarray(np.clip(fine, -1, 1), np.float32)

    def _named(self, embeds: Array) -> Array:
        """(b, 1, dim) what the network is told of prompts, or mixtures of them; no prompt stays zeros."""
        if self._names is None or self._names[0] is not embeds:
            rows = to_numpy(embeds).reshape(-1, self._text.dim)
            told = [self._reader.told(self._motif(row)) if row.any() else row for row in rows]
            self._names = embeds, self.asarray(np.stack(told).astype(np.float32)[:, None])
        return self._names[1]

    def _motif(self, embeds: Array) -> Motif:
        vector = self._vector(embeds)
        heard = self._heard.get(vector.tobytes())
        return Motif(self._reader.nearest(vector)) if heard is None else heard.reading.motif

    def decode(self, latents: Array, palettes: Array | None = None) -> Frames:
        """Fields (b, 2, h, w) and their colours (b, 256, 3) -> uint8 pictures of the configured size."""
        return self.paint(self.refine(latents), palettes)

    def paint(self, fields: Array, palettes: Array | None = None) -> Frames:
        """Fine fields (b, 2, h, w) and their colours (b, 256, 3) -> uint8 pictures of the configured size."""
        size, fine = self.inference_config, to_numpy(fields)
        colours = self._plain if palettes is None else to_numpy(palettes)
        colours = np.broadcast_to(colours, (len(fine), *colours.shape[-2:]))
        return self._painter(fine, colours, size.height, size.width)

    def planes(self, fields: Array) -> Frames:
        """Place and light 0..255 (b, 2, h, w), at the size of the fields."""
        return np.asarray(np.clip(to_numpy(fields) * 127.5 + 128, 0, 255), np.uint8)

    @cached_property
    def _plain(self) -> FloatArray:
        return palette("", "")[None]


def faded(field: Array, first: Array) -> Array:
    """What a field (b 2 h w) lacks of the contrast of its stream's ``first``, or has beyond it.

    A network that draws the likeliest next frame draws means, and every frame feeds the next: what is a
    hundredth of the contrast in one is all of it in a hundred.
    """
    xp = array_namespace(field)
    mean = xp.mean(field, axis=(2, 3), keepdims=True)
    own, wanted = (
        xp.std(each, axis=(2, 3), keepdims=True) for each in (field, xp.astype(first, field.dtype))
    )
    gain = xp.clip(wanted / xp.maximum(own, SOON), 1 / MENDED, MENDED)
    return (gain - 1) * (field - mean)


def _weights(given: str | None) -> Path:
    """The folder of the networks; raises ModelError for one that holds none, or none of fields."""
    if given is None:
        return WEIGHTS
    folder = Path(given)
    if not (folder / "denoiser.onnx").is_file():
        raise ModelError(
            f"'{given}' is no folder of networks: `phosphene train --out DIR` writes them to DIR/weights."
        )
    if not (folder / SHARPENER).is_file():
        raise ModelError(
            f"'{given}' holds networks of an older phosphene, which drew no fields: train them anew,"
            " `phosphene train --out DIR`."
        )
    return folder
