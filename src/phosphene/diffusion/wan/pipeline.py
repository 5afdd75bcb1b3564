"""Wan 2.1's causal students as an endless stream, behind the contract of chunk models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from phosphene.config import PipelineConfig
from phosphene.diffusion.base import Array, ChunkFacts, Frames, ModelFacts
from phosphene.diffusion.checkpoints.errors import drawing, explained
from phosphene.diffusion.chunk import PLAIN, Change, ChunkOptions, ChunkPipeline
from phosphene.diffusion.notices import say_once, say_unheeded
from phosphene.diffusion.wan.layout import Layout, Recipe, find, recipe_named
from phosphene.errors import ConfigError, InputError, ModelError
from phosphene.stream.schedule import Schedule

if TYPE_CHECKING:
    import torch

    from phosphene.diffusion.wan.plan import Plan
    from phosphene.diffusion.wan.state import WanState

RATE = 16.0
"""pictures a second of Wan 2.1"""
SIDE = 16
"""picture pixels of a token"""
LARGEST = 1280
SMALLEST = 192
HEIGHT, WIDTH = 320, 576
AGE_LIMIT = 1000.0
"""milliseconds: a chunk of a quarter second is drawn, then shown"""
SEGMENT_SECONDS = 20.0
"""of a render: a stream's state is as large as its cache"""


UNHEEDED = (
    *("lora_id", "loras", "controlnet_id", "upscaler_id", "compile_unet", "enable_channels_last"),
    *("cuda_graph", "fuse_attention", "kernels", "quantize", "token_merge", "deepcache"),
    *("cross_frame", "runtime", "attention", "cell_cache", "ip_adapter_id", "reference"),
    "reference_ids",
)
"""settings of ``diffusion`` that are Stable Diffusion's"""


class WanPipeline(ChunkPipeline):
    """A few-step causal student of Wan 2.1 (Self-Forcing, LongLive 1.0, Causal-Forcing).

    ``model`` or ``model_id`` is a path: a student's file, or a folder; see
    :mod:`phosphene.diffusion.wan.layout` for what is found beside it.
    """

    name: ClassVar[str] = "wan"

    @classmethod
    def suggest(cls, config: PipelineConfig) -> None:
        """The student's steps, the rate it was trained at, a size that is fast, and an age a chunk has."""
        recipe = recipe_named(_place(config.diffusion.model, config.diffusion.model_id))
        config.stream.suggest(denoising_steps=len(recipe.levels))
        # the network itself keeps what it drew
        config.transform.suggest(steps=min(2, len(recipe.levels)), stabilize=0.0)
        config.audio.suggest(fps=RATE)
        config.live.suggest(fps=RATE, age_limit_ms=AGE_LIMIT)
        config.inference.suggest(height=HEIGHT, width=WIDTH)
        config.video.suggest(segment_seconds=SEGMENT_SECONDS)

    def load_model(self) -> None:
        """Plan the memory, then load. Raises ModelError, or MissingExtraError without torch."""
        place = _place(self.diffusion_config.model, self.diffusion_config.model_id)
        if not place:
            raise ConfigError("model wan needs its weights: give their path, --model ./PATH.")
        with explained(place, "model"):
            layout = find(place)
            if layout is None:
                raise ModelError(
                    f"{place} holds no Wan stream: give the file of a student (such as"
                    " self_forcing_dmd.pt), or the folder it lies in."
                )
            self._load(layout)

    def _load(self, layout: Layout) -> None:
        from phosphene.diffusion.checkpoints.device import pick_device, use_threads
        from phosphene.diffusion.wan import load, plan
        from phosphene.diffusion.wan.rollout import Rollout
        from phosphene.diffusion.wan.text import Prompts

        config = self.diffusion_config
        say_unheeded(config, UNHEEDED, "Wan streams know nothing of that")
        device = pick_device(config)
        use_threads(config, device)
        dtype = _dtype(config.dtype, device)
        self._plan = self.plan(layout, number_bytes=dtype.itemsize)
        self._plan.check(plan.free_bytes(str(device)))
        network = load.load_transformer(layout, device, dtype)
        # with the tiny one as it is wanted the large one has nothing to do; else a live show falls back to it
        wanted = [True] if config.use_tiny_vae else [False, *([True] if layout.tiny else [])]
        loaded = [
            load.load_autoencoder(layout, tiny, network.channels, device, dtype) for tiny in wanted
        ]
        found = {each.name: each for each in loaded}
        self.layout = layout
        self._rollout = Rollout(network, layout.recipe, found)
        text = network.transformer.config.text_dim
        self._prompts = Prompts(
            layout, text, device, config.text_encoder_bits, config.text_encoder_after
        )
        recipe = layout.recipe
        self._facts = ModelFacts(
            name=recipe.text,
            latent_channels=3,
            latent_factor=1,
            size_multiple=SIDE,
            prediction="flow",
            schedule=Schedule.flow(),
            embed_shape=(512, text),
            max_size=LARGEST,
            min_size=SMALLEST,
            chunk=ChunkFacts(
                frames=recipe.frames,
                steps=len(recipe.levels),
                rate=RATE,
                decoders=tuple(found),
            ),
        )

    def plan(self, layout: Layout, number_bytes: int = 2) -> Plan:
        """What this configuration of a layout needs. Raises ModelError for weights of no Wan."""
        return plan_of(
            layout,
            (self.inference_config.height, self.inference_config.width),
            self.diffusion_config.window,
            self.diffusion_config.sink,
            self.diffusion_config.use_tiny_vae,
            number_bytes,
            text_bytes=self._text_bytes(layout),
        )

    def _text_bytes(self, layout: Layout) -> float:
        """Of a text encoder that is to stay where the network is."""
        from phosphene.diffusion.wan import plan, weights

        if self.diffusion_config.text_encoder_after != "keep" or layout.text is None:
            return 0.0
        return plan.count(weights.shapes(layout.text)) * self.diffusion_config.text_encoder_bits / 8

    @property
    def facts(self) -> ModelFacts:
        """Facts about the loaded model."""
        return self._facts

    def encode_prompt(self, prompt: str | Sequence[str]) -> Array:
        """Prompts -> (n, 512, hidden); known ones from disk."""
        texts = [prompt] if isinstance(prompt, str) else list(prompt)
        return self._prompts.encode(texts)

    def open(self, embeds: Array, seed: int, first: Frames | None = None) -> WanState:
        """See :class:`~phosphene.diffusion.chunk.ChunkPipeline`."""
        from phosphene.diffusion.wan.plan import free_bytes
        from phosphene.diffusion.wan.state import WanState

        size = self.inference_config.height, self.inference_config.width
        if size[0] % SIDE or size[1] % SIDE:
            raise ConfigError(
                f"Wan draws sides that are a multiple of {SIDE}, not {size[1]}x{size[0]}."
            )
        network, config = self._rollout.network, self.diffusion_config
        # what was planned at loading may have been another size
        wanted = replace(self._plan, height_px=size[0], width_px=size[1])
        loaded = wanted.weights * wanted.number_bytes
        wanted.check(free_bytes(str(network.weight.device)) + loaded)
        state = WanState(
            seed=seed,
            size=size,
            embeds=_embeds(embeds),
            cache=network.cache(size[0] // 8, size[1] // 8, config.sink, config.window),
            prompt=self._rollout.prompt(embeds),
        )
        if first is not None:
            self._rollout.begin(state, self._seen(state, first[:1]), self._decoder(None))
        return state

    def pictures(self, state: WanState, options: ChunkOptions = PLAIN) -> int:
        """See :class:`~phosphene.diffusion.chunk.ChunkPipeline`."""
        frames = self._frames(options)
        chunk = self._chunk
        first = not state.frame and not state.passing
        return 1 + chunk.pictures * (frames - 1) if first else chunk.pictures * frames

    def generate(
        self,
        state: WanState,
        source: Frames | None = None,
        strength: float = 1.0,
        options: ChunkOptions = PLAIN,
    ) -> Frames:
        """See :class:`~phosphene.diffusion.chunk.ChunkPipeline`."""
        rollout = self._rollout
        decoder = self._decoder(options.decoder)
        with drawing((state.size[1], state.size[0])):
            if source is None or strength >= 1.0:
                out = rollout.draw(state, self._frames(options), options.steps, decoder)
                return _frames(out)
            wanted = self.pictures(state, options)
            if len(source) != wanted:
                raise InputError(f"this chunk is drawn over {wanted} pictures, not {len(source)}.")
            seen = self._seen(state, source)
            if options.stream_batch:
                steps = options.steps or self._chunk.steps
                out = rollout.draw_over_batched(state, seen, strength, steps, decoder)
            else:
                out = rollout.draw_over(state, seen, strength, options.steps, decoder)
            return _frames(out)

    def change(self, state: WanState, embeds: Array, how: Change, chunks: int = 4) -> None:
        """See :class:`~phosphene.diffusion.chunk.ChunkPipeline`."""
        from phosphene.diffusion.wan.state import Morph

        embeds = _embeds(embeds)
        same = np.array_equal(embeds, state.embeds)
        if how == "cut":
            self._rollout.cut(state)
        elif same:
            return
        before = state.prompt.embeds.float().cpu().numpy()
        state.embeds, state.morph = embeds, None
        if how == "morph":
            state.morph = Morph(before, chunks=max(1, chunks))
            return
        state.prompt = self._rollout.prompt(embeds)
        # under a stream batch the input draws the picture, and every row's keys are new within a window
        if how == "recache" and state.cache.rows == 1:
            self._rollout.recache(state)

    def close(self, state: WanState) -> None:
        """See :class:`~phosphene.diffusion.chunk.ChunkPipeline`."""
        self._rollout.cut(state)
        state.cache.keys, state.cache.values = [], []
        state.prompt.keys.clear()

    def dump(self, state: WanState) -> bytes:
        """See :class:`~phosphene.diffusion.chunk.ChunkPipeline`."""
        from phosphene.diffusion.wan.state import dump

        return dump(state)

    def restore(self, data: bytes) -> WanState:
        """See :class:`~phosphene.diffusion.chunk.ChunkPipeline`."""
        from phosphene.diffusion.wan.state import restore

        return restore(data, self._rollout.network.weight)

    @property
    def _chunk(self) -> ChunkFacts:
        assert self._facts.chunk is not None
        return self._facts.chunk

    def _decoder(self, name: str | None) -> str:
        known = self._chunk.decoders
        return name if name in known else known[0]

    def _frames(self, options: ChunkOptions) -> int:
        if options.stream_batch:
            return 1
        frames = options.frames or self._chunk.frames
        most = self.diffusion_config.window
        if frames > most:
            raise ConfigError(
                f"a chunk of {frames} latent frames does not fit a window of {most}: make it shorter, or the"
                " window larger."
            )
        return frames

    def _seen(self, state: WanState, pictures: Frames) -> torch.Tensor:
        """uint8 (n h w 3) -> (n 3 h w) in 0..1, where the network is. Raises InputError."""
        import torch

        if tuple(pictures.shape[1:]) != (*state.size, 3) or pictures.dtype != np.uint8:
            height, width = state.size
            raise InputError(f"pictures to draw over must be uint8, {width}x{height} RGB.")
        held = torch.from_numpy(np.array(pictures)).to(self._rollout.network.weight.device)
        return held.permute(0, 3, 1, 2).float() / 255.0


def plan_of(
    layout: Layout,
    size: tuple[int, int],
    window: int,
    sink: int,
    tiny: bool = True,
    number_bytes: int = 2,
    text_bytes: float = 0.0,
) -> Plan:
    """What a layout needs at a size (height, width), from the headers of its files. Raises ModelError."""
    from phosphene.diffusion.wan import plan, weights
    from phosphene.diffusion.wan.load import transformer_settings

    raw = weights.shapes(layout.transformer)
    shapes = {weights.to_diffusers(name): shape for name, shape in raw.items()}
    settings = transformer_settings(shapes, layout.config)
    numbers = plan.count(shapes)
    for part in (layout.vae, layout.tiny if tiny else None):
        if part is not None:
            numbers += plan.count(weights.shapes(part))
    return plan.Plan(
        weights=numbers,
        layers=settings["num_layers"],
        width=settings["num_attention_heads"] * settings["attention_head_dim"],
        height_px=size[0],
        width_px=size[1],
        sink=sink,
        window=window,
        number_bytes=number_bytes,
        decoder="tiny" if tiny and layout.tiny is not None else "wan",
        text=text_bytes,
    )


def describe(place: str) -> str | None:
    """A few lines about a Wan stream for people; None for what is none. Raises ModelError."""
    layout = find(place)
    if layout is None:
        return None
    recipe: Recipe = layout.recipe
    planned = plan_of(layout, (HEIGHT, WIDTH), 9, 3)
    missing = [
        name
        for name, there in (
            ("autoencoder", layout.vae or layout.tiny),
            ("text encoder", layout.text),
            ("tokenizer", layout.tokenizer),
        )
        if there is None
    ]
    free = recipe.free and "non-commercial" not in layout.licence
    lines = [
        ("model", layout.name),
        ("pipeline", "wan (a stream, drawn in chunks)"),
        ("student", recipe.text),
        ("licence", layout.licence + ("" if free else " (no paid shows)")),
        ("chunk", f"{recipe.frames} latent frames of 4 pictures, at {RATE:g} a second"),
        ("steps", f"{len(recipe.levels)} a chunk, {len(recipe.first)} the first"),
        ("memory", f"{planned.describe()}, in 16 bits, the text encoder apart"),
        ("weights", f"{planned.weights / 1e6:.0f} M numbers, LoRAs to fuse: {len(layout.loras)}"),
        ("decoders", ", ".join(n for n, p in (("wan", layout.vae), ("tiny", layout.tiny)) if p)),
        ("missing", ", ".join(missing) or "nothing"),
    ]
    return "\n".join(f"{name:<10} {text}" for name, text in lines)


def _place(model: str, model_id: str | None) -> str:
    """The path that settings ask for."""
    return (model_id or "") if model == WanPipeline.name else model


def _dtype(asked: str, device: torch.device) -> torch.dtype:
    """bfloat16 on a GPU, as the students were trained; 32 bits on a processor."""
    import torch

    if device.type == "cpu":
        if asked in ("float16", "bfloat16"):
            say_once(f"dtype {asked} is off: on a cpu Wan computes in float32.")
        return torch.float32
    return torch.float32 if asked == "float32" else torch.bfloat16


def _embeds(embeds: Array) -> Any:
    array = np.ascontiguousarray(embeds, np.float32)
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3 or len(array) != 1:
        raise InputError(f"a stream is told one prompt (1 seq hidden), not {array.shape}.")
    return array


def _frames(pictures: torch.Tensor) -> Frames:
    """(n 3 h w) in 0..1 -> uint8 (n h w 3)."""
    bytes_ = (pictures.float() * 255.0).round().clamp(0, 255).byte()
    frames: Frames = bytes_.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return frames
