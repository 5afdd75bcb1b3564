"""The only director there is: what is heard, and what hands do, becomes what each frame is told.

`step` is pure: from one :class:`DirectorState` and one moment to the next state and a cue. A render, a live
show, a transform, the plugin and the cluster differ in where moments come from and how much time passes.
The state is a few numbers and words, kept with every segment, so a show can be taken up anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as KnobValues
from dataclasses import dataclass, field, replace

import numpy as np
from pydantic import TypeAdapter, ValidationError

from phosphene import palettes
from phosphene.arrays import Array, like
from phosphene.audio.moment import FrameFeatures
from phosphene.config import PipelineConfig
from phosphene.diffusion.base import BasePipeline
from phosphene.errors import InputError
from phosphene.latent import LatentGenerator
from phosphene.latent.walk import WalkState
from phosphene.latent.walk import advance as walk_on
from phosphene.latent.walks import ease_out
from phosphene.namespaces import array_namespace
from phosphene.prompt import PromptInterpolator, fade, harmony
from phosphene.prompt.blend import Method, weighted
from phosphene.prompt.book import Encoded, Prompts
from phosphene.prompt.fade import Fade, Script, Texts
from phosphene.prompt.harmony import FloatArray, HarmonyState
from phosphene.show.cue import Cue
from phosphene.show.display import Motion
from phosphene.show.mapping import Mapping, Reaction, default_mapping, during, surged
from phosphene.show.mood import Mood
from phosphene.show.routes import Now, RouteState, routed
from phosphene.stream.camera import STILL, CameraMove
from phosphene.stream.conditioning import UNTOLD, Context
from phosphene.stream.entry import HELD, ChunkCue

ARRIVAL_RECALL = 0.7
"""how far the first frames of a scene are drawn to its guide"""
PROMPT_CHANGE = 1.5
"""seconds in which the guide goes over to another prompt's shapes"""
SHAPE_CHANGE = 1.0
"""beats in which it goes over to another shape of the same prompt"""


@dataclass(frozen=True)
class Guide:
    """Which of the guide's shapes frames are drawn to, and which was before it."""

    text: str = ""
    variant: int = 0
    before: tuple[str, int] | None = None
    """(text, variant) that it takes over from"""
    since: float = 0.0
    """seconds, or beats between two shapes of one prompt"""

    @property
    def share(self) -> float:
        """0..1: how far it has taken over."""
        if self.before is None:
            return 1.0
        whole = SHAPE_CHANGE if self.before[0] == self.text else PROMPT_CHANGE
        return ease_out(min(1.0, self.since / whole))

    def towards(self, text: str, variant: int, seconds: float, beats: float) -> Guide:
        """A moment later."""
        if not self.text:
            return Guide(text, variant)
        if (text, variant) != (self.text, self.variant):
            # of a change that had hardly begun nothing was seen yet
            early = self.before is not None and self.share < 0.5
            return Guide(text, variant, self.before if early else (self.text, self.variant))
        if self.before is None:
            return self
        passed = beats if self.before[0] == text else seconds
        now = replace(self, since=self.since + max(0.0, passed))
        return replace(now, before=None) if now.share >= 1.0 else now


@dataclass(frozen=True)
class DirectorState:
    """A show between two frames. It does not grow with the show."""

    frame: int = 0
    """of the next cue"""
    time: float = 0.0
    """seconds on the show's clock, which never jumps"""
    walk: WalkState = field(default_factory=WalkState)
    script: Script = field(default_factory=Script)
    prompt: Fade = field(default_factory=Fade)
    chroma: Fade = field(default_factory=Fade)
    harmony: HarmonyState = field(default_factory=HarmonyState)
    guide: Guide = field(default_factory=Guide)
    turned: float = 0.0
    """radians the guide has turned"""
    moved: float = 0.0
    """seconds it has moved at its own pace"""
    routes: tuple[RouteState, ...] = ()
    mood: Mood = field(default_factory=Mood)
    stance: CameraMove | None = None
    """how a guide that holds the picture stands; None where none does"""


_STATE = TypeAdapter(DirectorState)


def dump(state: DirectorState) -> bytes:
    """A state as JSON, exactly."""
    return _STATE.dump_json(state)


def restore(data: bytes) -> DirectorState:
    """The state that was dumped. Raises :class:`InputError`."""
    try:
        return _STATE.validate_json(data)
    except ValidationError as error:
        raise InputError("this is not a director's state, or one of another version.") from error


@dataclass(frozen=True)
class Inputs:
    """What comes to a frame besides the music and the settings."""

    model: BasePipeline
    """says how large latents are, and remembers shapes"""
    noise: LatentGenerator
    """holds the axes of the walk"""
    prompts: Prompts
    mapping: Callable[[PipelineConfig], Mapping] = default_mapping
    controllers: KnobValues[str, float] = field(default_factory=dict)
    """0..1 by name"""
    source: Array | None = None
    """(1 c h w) clean latent of an input picture"""
    told: Context = UNTOLD
    """what else it tells the model"""
    position: float | None = None
    """seconds in the song, for timed prompts"""
    same: bool = True
    """whether it is the music of the moment before"""
    scenes: int = 0
    """new places that the performer asked for since"""
    bare: bool = False
    """every frame is drawn over a picture of its own, which brings the noise"""


@dataclass(frozen=True)
class Moment:
    """What a frame follows from: numbers only."""

    heard: FrameFeatures
    """on the show's clock"""
    reaction: Reaction
    camera: CameraMove
    """how the picture moves from the frame before to this one"""
    forget: bool
    """another prompt begins"""
    config: PipelineConfig
    """the settings, moved by the routes"""


def step(
    state: DirectorState, heard: FrameFeatures, dt: float, inputs: Inputs, config: PipelineConfig
) -> tuple[DirectorState, Cue]:
    """One moment, ``dt`` seconds after the last: the state after it, and its cue.

    Nothing jumps, whatever changes between two moments: turns, walks and prompts go on from where they are.
    Before the first prompt is encoded there is nothing to draw; see :func:`ready`.
    """
    state, moment = advance(state, heard, dt, inputs, config)
    cue = _cue(state, moment, inputs, moment.config)
    return state, replace(cue, stream=None if moment.config is config else moment.config.stream)


def ready(state: DirectorState, inputs: Inputs, config: PipelineConfig) -> bool:
    """Whether there is anything to draw; asks for what is missing."""
    if state.prompt.goal and state.chroma.goal:
        return True
    text = fade.follow(state.script, config.prompt, inputs.position).text
    facts = inputs.model.facts
    text = state.mood.worded(text, config, facts)
    chroma = () if facts.chunk is not None else (tuple(config.prompt.chroma_prompts),)
    wanted = ((text,), *chroma)
    found = [inputs.prompts.get(texts) for texts in wanted]
    return None not in found


def advance(
    state: DirectorState, heard: FrameFeatures, dt: float, inputs: Inputs, config: PipelineConfig
) -> tuple[DirectorState, Moment]:
    """The numbers of a step: what is left of it where nothing is to be drawn."""
    first = state.frame == 0
    passed = 0.0 if first else dt
    time = state.time + passed
    walk = walk_on(state.walk, heard, passed, config.latent, inputs.same, inputs.scenes)
    heard = replace(heard, frame=state.frame, time=time, fps=1.0 / dt, beat_position=walk.beats)
    now = Now(heard, walk.beats, dt, config.inference.seed, inputs.controllers)
    plain = config
    config, routes = routed(config, state.routes, now)
    if config.latent is not plain.latent:
        # beats do not hang on settings, steps do
        music = replace(heard, beat_position=walk.position)
        walk = walk_on(state.walk, music, passed, config.latent, inputs.same, inputs.scenes)
    script = fade.follow(state.script, config.prompt, inputs.position)
    facts = inputs.model.facts
    mood = state.mood.after(heard.energy, passed)
    if script.following is not None:
        inputs.prompts.get((mood.worded(script.following, config, facts),))
    seconds = config.prompt.transition_seconds
    # what cannot be drawn yet is waited for
    text = mood.worded(script.text, config, facts)
    goal = _known((text,), state.prompt.goal, inputs.prompts)
    # whoever changes prompts as a whole cannot lean to the harmony's
    chroma = goal
    if facts.chunk is None:
        chroma = _known(tuple(config.prompt.chroma_prompts), state.chroma.goal, inputs.prompts)
    reaction = inputs.mapping(config)(heard)
    if facts.chunk is not None:
        # it moves by itself: what a camera did to one key the next would not know of
        reaction = replace(reaction, camera=STILL)
    beats = walk.beats - state.walk.beats
    # music that falls silent must not hold a change up
    counted = passed if config.prompt.transition_unit == "seconds" else max(beats, passed / 2)
    gained = surged(reaction.surge, walk.beats, state.walk.beats)
    variant = config.inference.seed + walk.shape
    after = DirectorState(
        frame=state.frame + 1,
        time=time,
        walk=walk,
        script=script,
        prompt=state.prompt.towards(goal, counted, seconds),
        chroma=state.chroma.towards(chroma, counted, seconds),
        harmony=harmony.follow(state.harmony, heard.chroma, dt, config.prompt),
        guide=state.guide.towards(goal[0], variant, passed, beats),
        turned=state.turned + reaction.spin * passed,
        moved=state.moved + reaction.pace * passed + (0.0 if first else gained),
        routes=routes,
        mood=mood,
    )
    stance = _stance(after, reaction, inputs)
    camera = during(reaction.camera, dt)
    if stance and state.stance and after.guide.text == state.guide.text:
        # what is held to a guide goes where that goes
        camera = replace(Motion.of(state.stance).back.then(Motion.of(stance)).move, warp=0.0)
    after = replace(after, stance=stance)
    forget = not first and goal != state.prompt.goal
    return after, Moment(heard, reaction, camera, forget, config)


def _stance(state: DirectorState, reaction: Reaction, inputs: Inputs) -> CameraMove | None:
    """How the guide stands, where one holds the picture."""
    if inputs.source is not None or reaction.recall < HELD:
        return None
    found = inputs.prompts.get((state.guide.text,))
    return None if found is None else inputs.model.stance(found.embeds, _pose(state, reaction))


def _pose(state: DirectorState, reaction: Reaction) -> CameraMove:
    return replace(reaction.pose, rotate=reaction.pose.rotate + state.turned)


def _known(wanted: Texts, goal: Texts, prompts: Prompts) -> Texts:
    return wanted if wanted == goal or prompts.get(wanted) is not None else goal or wanted


def _cue(state: DirectorState, moment: Moment, inputs: Inputs, config: PipelineConfig) -> Cue:
    """What a frame is told, arrays and all."""
    heard, reaction, here = moment.heard, moment.reaction, state.walk.place
    goal = _encoded(inputs.prompts, state.prompt.goal).embeds
    chunk = None
    if inputs.model.facts.chunk is not None:
        embeds, palette = goal[0], None
        text = state.script.text
        chunk = ChunkCue(goal, text, heard.time, heard.downbeat, heard.drop)
    else:
        embeds, palette = _prompt(state, inputs.prompts, config)
    anchor, guide = _anchor(state, reaction, inputs, config)
    walk = inputs.noise
    # the same walk goes on: its axes are drawn once
    walk.config, walk.seed = config.latent, config.inference.seed
    latent = None
    if not inputs.bare and chunk is None:
        shape = inputs.model.get_latent_shape()
        latent = walk.get_latent_at_place(here, heard.frame, shape)
    return Cue(
        frame=heard.frame,
        time=heard.time,
        latent=latent,
        embeds=embeds[None],
        energy=reaction.energy,
        noise_scale=reaction.noise_scale,
        context=Context(
            controls=reaction.controls[None],
            palette=None if palette is None else palette[None],
            guide=guide,
        ).told(inputs.told),
        camera=moment.camera,
        anchor=anchor,
        # a new scene shows its shape first and plays with it then
        anchor_weight=max(reaction.recall, ARRIVAL_RECALL * (1.0 - here.arrival)),
        cut=heard.frame == 0,
        source=inputs.source,
        forget=moment.forget,
        goal=goal,
        chunk=chunk,
    )


def _anchor(
    state: DirectorState, reaction: Reaction, inputs: Inputs, config: PipelineConfig
) -> tuple[Array | None, Array | None]:
    """The clean latent that a frame is drawn back to, and what it was drawn from."""
    guide = state.guide
    before = None
    if guide.before is not None:
        known = inputs.prompts.get((guide.before[0],))
        before = None if known is None else (known.embeds, guide.before[1])
    drawn = inputs.model.recall(
        _encoded(inputs.prompts, (guide.text,)).embeds,
        guide.variant,
        _pose(state, reaction),
        state.moved,
        reaction.controls,
        before=before,
        share=guide.share if before is not None else 1.0,
        seen=inputs.source is None,
    )
    if drawn is None:
        # where a model draws no guide, what is seen keeps its shapes, even where the strength leaves little
        # of it in the start, and the prompt gives the colours
        return (inputs.source if config.stream.strength < 1.0 else None), None
    # what follows a picture is not what its guide shows
    return drawn.latent, None if inputs.source is not None else drawn.recipe


def _prompt(
    state: DirectorState, prompts: Prompts, config: PipelineConfig
) -> tuple[Array, FloatArray | None]:
    """Embedding (seq, hidden) and palette (256, 3) of what is shown; harmony moves the embedding alone."""
    told = config.prompt
    seconds, method = told.transition_seconds, told.interpolation
    base = _shown(state.prompt.shares(seconds), prompts)
    chroma = _shown(state.chroma.shares(seconds), prompts)
    weights = state.harmony.weights
    embeds = PromptInterpolator(told).blend(weights, _mix(base, method)[0], _mix(chroma, method))
    # the prompt's colours are its own to the letter: twelve notes' palettes in the mean are mud
    stack = [each.palettes for each, _ in base if each.palettes is not None]
    if len(stack) < len(base):
        return embeds, None
    return embeds, palettes.mix(np.concatenate(stack), [share for _, share in base])


def _shown(
    shares: tuple[tuple[Texts, float], ...], prompts: Prompts
) -> list[tuple[Encoded, float]]:
    """Groups that are shown, with their shares of sum 1; what was forgotten meanwhile leaves its share."""
    found = [(prompts.get(texts), share) for texts, share in shares]
    known = [(each, share) for each, share in found if each is not None]
    total = sum(share for _, share in known)
    if not known:
        raise _undrawable(shares[0][0])
    return [(each, share / total) for each, share in known]


def _mix(parts: list[tuple[Encoded, float]], method: Method) -> Array:
    """(n, seq, hidden): the very array where only one is shown."""
    if len(parts) == 1:
        return parts[0][0].embeds
    first = parts[0][0].embeds
    xp = array_namespace(first)
    rows = [xp.reshape(each.embeds, (-1, first.shape[-1])) for each, _ in parts]
    shares = like(np.array([share for _, share in parts], np.float32), first)
    return xp.reshape(weighted(xp.stack(rows), shares, method), first.shape)


def _encoded(prompts: Prompts, texts: Texts) -> Encoded:
    found = prompts.get(texts)
    if found is None:
        raise _undrawable(texts)
    return found


def _undrawable(texts: Texts) -> InputError:
    return InputError(f"the prompt '{texts[0]}' cannot be drawn: write another one.")
