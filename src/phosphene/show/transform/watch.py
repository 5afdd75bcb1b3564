"""The second stage: each picture of the source is looked at, and encoded."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np
import numpy.typing as npt

from phosphene.arrays import Array
from phosphene.audio.types import AudioFeatures
from phosphene.config import PipelineConfig, StreamConfig
from phosphene.diffusion.base import BasePipeline, Frames
from phosphene.latent import LatentGenerator
from phosphene.namespaces import evaluate
from phosphene.prompt.book import PromptCache, encoder
from phosphene.show import director
from phosphene.show.cue import Cue
from phosphene.show.director import DirectorState, Inputs, step
from phosphene.show.mapping import Mappings
from phosphene.show.transform.batches import batches
from phosphene.show.transform.between import small_grey
from phosphene.show.transform.hear import CALM, Lean, Listener
from phosphene.show.transform.items import Frame, Motif, Motion, Shot, Sight, State
from phosphene.stream.arrays import Home, to_numpy
from phosphene.stream.conditioning import Context
from phosphene.stream.noise import uniform
from phosphene.stream.resize import resize
from phosphene.stream.similarity import Watch, decide, likeness, skip_probability
from phosphene.video.motion import steady
from phosphene.video.motion.optical_flow import estimate, resize_flow
from phosphene.video.reader import Upright

FloatArray = npt.NDArray[np.float32]

STRUCK = 0.5
"""share by which an attack of full strength is drawn more strongly"""


@dataclass(frozen=True)
class Past:
    """What is remembered of the source: the picture that was encoded last."""

    luma: FloatArray
    """(h, w) grey levels, as small as the flow works on"""
    places: FloatArray
    """(2 h w) where its noise was read"""
    speed: float
    """0 still .. 1 fast"""


@dataclass(frozen=True)
class Glimpse:
    """A shot as pixels."""

    shot: Shot
    image: Frame | None
    """None where the picture drawn last will do"""
    passed: Frame | None
    """in place of it, where none is to be drawn"""
    cue: Cue
    watch: Watch
    """what the similarity filter remembers after it"""
    director: DirectorState
    """after it"""
    lean: Lean
    """how it was seen"""

    @property
    def onset(self) -> float:
        """0..1: how hard it was struck."""
        controls = self.cue.context.controls
        return 0.0 if controls is None else float(controls[0, 3])


class Watcher:
    """Turns shots into motifs. All that it finds out follows from the source alone."""

    def __init__(
        self,
        base: BasePipeline,
        config: PipelineConfig,
        upright: Upright,
        heard: AudioFeatures | None = None,
        segment: int = 1,
    ) -> None:
        self._base = base
        self._settings = config.transform
        self._seed = config.inference.seed
        self._upright = upright
        self._config = config
        self._segment = segment
        """pictures"""
        self.cadence = 1
        """pictures shown for each one that is drawn"""
        noise = LatentGenerator(config.latent, seed=self._seed)
        self._inputs = Inputs(base, noise, PromptCache(encoder(base)), Mappings(config), bare=True)
        self._director = DirectorState()
        self._listener = None if heard is None else Listener(heard)
        self._lean = Lean()
        self._home = Home.of(base.asarray(np.zeros(1, np.float32)))
        self._sameness = Sameness(config.stream, self._seed)
        self._past: Past | None = None
        self.cuts = 0
        """new scenes found"""

    def run(self, shots: Iterator[Shot], batch: int) -> Generator[Motif, None, None]:
        """Motifs of all shots; up to ``batch`` pictures share a call of the encoder."""
        for group in batches(shots, batch):
            glimpses = [self._glimpse(shot) for shot in group]
            sources = iter(self._encode([g for g in glimpses if g.image is not None]))
            for glimpse in glimpses:
                sight = None
                if glimpse.image is not None:
                    sight = self._look(glimpse, glimpse.image, next(sources))
                state = self._dump(glimpse) if glimpse.shot.keep else None
                yield Motif(glimpse.shot, sight, state, glimpse.passed)

    def restore(self, state: State) -> None:
        """Go on where the state of a motif was taken."""
        self.cadence = int(state["cadence"])
        self._past = Past(state["luma"], state["places"], float(state["speed"]))
        self._sameness.watch = _restored(state)
        self._director = director.restore(state["director"].tobytes())
        self._lean = Lean(*state["lean"].tolist())

    def _dump(self, glimpse: Glimpse) -> State:
        assert self._past is not None
        return {
            "cadence": np.array(self.cadence),
            "luma": self._past.luma,
            "places": self._past.places,
            "speed": np.array(self._past.speed),
            "lean": np.array(astuple(glimpse.lean)),
            "director": np.frombuffer(director.dump(glimpse.director), np.uint8),
        } | _dump_watch(glimpse.watch)

    def _glimpse(self, shot: Shot) -> Glimpse:
        inputs = replace(self._inputs, position=shot.time)
        heard = CALM if self._listener is None else self._listener.between(shot.time, shot.seconds)
        self._director, cue = step(self._director, heard, shot.seconds, inputs, self._config)
        image = None
        if self._listener is not None:
            # the same picture again is another one where the sound moves it
            self._lean = self._lean.after(cue.camera, shot.seconds)
            image = self._lean.seen(self._upright(shot.frame))
        elif not shot.again:
            image = self._upright(shot.frame)
        passed = None
        if not self._is_key(shot):
            passed, image = image, None
        elif image is not None and self._sameness.passes_over(image, cue.embeds, shot.index):
            image = None
        return Glimpse(shot, image, passed, cue, self._sameness.watch, self._director, self._lean)

    def _is_key(self, shot: Shot) -> bool:
        """Whether it is drawn; a segment begins and ends with one that is, so that it is whole by itself."""
        return shot.keep or shot.index % self._segment % self.cadence == 0

    def _told(self, cue: Cue) -> Context:
        """What the model is told: the sound only where one is heard."""
        palette = Context(palette=cue.context.palette)
        return palette if self._listener is None else cue.context

    def _encode(self, glimpses: Sequence[Glimpse]) -> list[Array]:
        if not glimpses:
            return []
        images = np.concatenate([self._dressed(glimpse) for glimpse in glimpses])
        latents = self._home.float32(self._base.encode_image(images))
        return [latents[i : i + 1] for i in range(len(images))]

    def _dressed(self, glimpse: Glimpse) -> Frames:
        """(1 h w 3) as the model wants it for its prompt."""
        assert glimpse.image is not None
        embeds = self._home.float32(glimpse.cue.embeds)
        return self._base.dress(glimpse.image[None], embeds, self._settings.strength)

    def _look(self, glimpse: Glimpse, image: Frame, source: Array) -> Sight:
        """What a picture is next to the one before it; then it is the one before."""
        settings, past, grey = self._settings, self._past, small_grey(image)
        height, width = source.shape[-2:]
        places, speed, motion = steady.still_places(height, width), 0.0, None
        if past is not None and settings.stabilize > 0:
            flow = estimate(grey, past.luma)
            if steady.is_cut(grey, past.luma, flow):
                self.cuts += 1
            else:
                motion = Motion(flow, steady.trust(grey, past.luma, flow))
                if settings.noise == "follow":
                    moved = resize_flow(flow, height, width)
                    trusted = resize(motion.trusted, height, width)
                    places = steady.follow(past.places, moved, trusted)
                speed = steady.motion_average(past.speed, grey, past.luma, glimpse.shot.seconds)
        self._past = Past(grey, places, speed)
        noise = steady.noise_at(self._seed, places, source.shape[1])
        strength = steady.eased_strength(settings.strength, speed, settings.stabilize)
        if self._listener is not None:
            strength = min(1.0, strength * (1.0 + STRUCK * glimpse.onset))
        drawn = glimpse.cue.anchor
        guide = None if drawn is None else self._home.float32(drawn)
        source, strength = self._base.follow(source, guide, strength)
        sight = Sight(
            image=image,
            source=source,
            noise=self._home.float32(noise),
            embeds=self._home.float32(glimpse.cue.embeds),
            context=self._told(glimpse.cue).map(self._home.float32),
            strength=strength,
            motion=motion,
            grey=grey,
        )
        evaluate([sight.source, sight.noise, sight.embeds])
        return sight


class Sameness:
    """The similarity filter on a video's own frames, if ``config`` has it on."""

    def __init__(self, config: StreamConfig, seed: int) -> None:
        self._config = config
        self._seed = seed
        self.watch = Watch()
        """what it remembers"""

    def passes_over(self, image: Frame, embeds: Array, frame: int) -> bool:
        """Whether the picture drawn last may stand for ``image`` (h, w, 3)."""
        config = self._config
        if not config.enable_similarity_filter:
            return False
        unit = (image.astype(np.float32) / 127.5 - 1.0).transpose(2, 0, 1)[None]
        seen = Watch(unit, to_numpy(embeds))
        # a video has no loudness of its own
        chance = skip_probability(likeness(self.watch, seen), config.similarity_threshold, 0.0)
        draw = uniform(self._seed, frame)
        skip, self.watch = decide(self.watch, seen, chance, config.similarity_max_skip, draw)
        return skip


def _dump_watch(watch: Watch) -> State:
    """A watch as named arrays; empty for one that saw nothing."""
    if watch.picture is None:
        return {}
    return {"seen": watch.picture, "seen_embeds": watch.embeds, "passed": np.array(watch.skipped)}


def _restored(state: State) -> Watch:
    """What :func:`_dump_watch` was given."""
    if "seen" not in state:
        return Watch()
    return Watch(state["seen"], state["seen_embeds"], skipped=int(state["passed"]))
