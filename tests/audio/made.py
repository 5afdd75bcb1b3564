"""Made music by kind, every beat and bar of it known: many kits, metres, genres, rooms and hands.

:mod:`.songs` has bare loops for tests of one thing; this has pieces with an intro, parts, fills, breaks
and the odd wrong note, drawn by seed, for ``benchmarks/beats.py`` and whatever is fitted to music.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import numpy.typing as npt

from phosphene.audio import synth
from phosphene.audio.compose import compose
from phosphene.audio.types import FloatArray

RATE = 22050
Times = npt.NDArray[np.float64]
Hits = Sequence[tuple[float, float]]
"""(beat in the bar, gain)"""


@dataclass(frozen=True, eq=False)
class Piece:
    """Samples (n,) at :data:`RATE` and the truth about them."""

    kind: str
    seed: int
    samples: FloatArray
    beats: Times
    """seconds; none in a silence"""
    downbeats: Times
    metre: int
    """upper figure of the time signature; 6 is two beats of three"""
    tempo: float
    """BPM that most of the piece has"""


@dataclass
class Groove:
    """One bar: what is struck where, in beats."""

    beats: int = 4
    kick: Hits = ()
    snare: Hits = ()
    hat: Hits = ()
    ride: Hits = ()
    bass: Hits = ()
    chord: Hits = ()
    """short chords: guitar or piano, by :attr:`Sound.chord`"""
    melody: float = 0.5
    """beats between notes of the tune; 0: none"""
    pad: float = 0.2


@dataclass
class Plan:
    """How a piece goes."""

    groove: Groove
    tempo: Callable[[float], float]
    """BPM at a beat's number"""
    metre: int = 4
    swing: float = 0.0
    """share of half a beat by which off-beats are late; 1/3 is triplets"""
    swing_16: float = 0.0
    other: Groove | None = None
    """groove of every second part"""
    jitter: float = 0.004
    """seconds, standard deviation"""
    intro: int = 2
    """bars without kick and snare"""
    part: int = 8
    """bars between changes"""
    rest: tuple[float, float] | None = None
    """(from, to) seconds of silence"""
    rubato: float = 0.0
    """standard deviation of the relative length of a beat"""
    guitar: bool = False
    soft: bool = False
    """brushes"""
    extra: dict[str, float] = field(default_factory=dict)


def every(
    step: float, beats: float, first: float = 0.0, gain: float = 1.0, accent: float = 0.0
) -> Hits:
    """A hit every ``step`` beats; those on the beat are louder by ``accent``."""
    spots = np.arange(first, beats - 1e-9, step)
    return [(float(p), gain + accent * (abs(p - round(p)) < 1e-6)) for p in spots]


def at(*spots: float, gain: float = 1.0) -> Hits:
    return [(spot, gain) for spot in spots]


# --- sounds -----------------------------------------------------------------


class Kit:
    """Drums of one piece."""

    def __init__(self, rng: np.random.Generator, soft: bool) -> None:
        self.rng = rng
        pitch, drop = rng.uniform(42, 62), rng.uniform(60, 160)
        decay, click = rng.uniform(0.06, 0.16), rng.uniform(0.05, 0.5)
        t = synth.clock(0.4, RATE)
        body = np.sin(2 * np.pi * (pitch * t + drop * 0.025 * (1 - np.exp(-t / 0.025))))
        knock = np.exp(-t / 0.003) * np.sin(2 * np.pi * rng.uniform(1200, 3500) * t)
        self.kick = np.tanh(1.5 * body * np.exp(-t / decay)) + click * knock
        t = synth.clock(0.35, RATE)
        noise = synth.bright(rng.standard_normal(len(t)).astype(np.float32), rng.uniform(0.3, 0.8))
        skin = np.sin(2 * np.pi * rng.uniform(160, 240) * t) * np.exp(-t / rng.uniform(0.03, 0.08))
        tail = rng.uniform(0.05, 0.14)
        if rng.random() < 0.3:
            self.snare = synth.clap(RATE, rng)
        else:
            self.snare = rng.uniform(0.2, 0.7) * skin + 0.5 * noise * np.exp(-t / tail)
        if soft:
            # brushes swish: no sharp attack
            self.snare = 0.4 * noise * np.exp(-t / 0.1) * np.minimum(t / 0.02, 1)
            self.kick *= 0.7
        self.hat = self._noise(0.1, rng.uniform(0.012, 0.035))
        self.open = self._noise(0.4, rng.uniform(0.08, 0.16))
        t = synth.clock(0.5, RATE)
        ping = sum(np.sin(2 * np.pi * f * t) for f in rng.uniform(3000, 7500, 6)) / 6
        self.ride = (0.35 * ping + 0.1 * self._noise(0.5, 0.2)[: len(t)]) * np.exp(-t / 0.15)
        self.crash = self._noise(1.6, 0.5) * 1.2

    def _noise(self, seconds: float, decay: float) -> FloatArray:
        t = synth.clock(seconds, RATE)
        noise = self.rng.standard_normal(len(t)).astype(np.float32)
        return np.asarray(
            0.35 * synth.bright(synth.bright(noise, 0.9), 0.8) * np.exp(-t / decay), np.float32
        )


@cache
def guitar(notes: tuple[int, ...], seconds: float) -> FloatArray:
    """A driven power chord."""
    t = synth.clock(seconds, RATE)
    out = sum(synth.saw(synth.midi_hz(n), t, phase=0.13 * n, top=5000) for n in notes)
    shape = np.exp(-t / 0.5) * np.minimum(t / 0.004, 1)
    return np.asarray(synth._fade(np.tanh(2.5 * out * shape) * 0.5, RATE), np.float32)


@cache
def piano(notes: tuple[int, ...], seconds: float, bright: float) -> FloatArray:
    return np.asarray(
        sum(synth.pluck(RATE, note, seconds, bright) for note in notes) / len(notes) ** 0.5,
        np.float32,
    )


@cache
def bass_note(note: int, seconds: float, top: float) -> FloatArray:
    return synth.bass(RATE, note, seconds, top)


@cache
def pad_chord(notes: tuple[int, ...], seconds: float, swell: float) -> FloatArray:
    return synth.pad(RATE, notes, seconds, swell)


# --- playing ----------------------------------------------------------------

MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
TURNS = (
    (0, 5, 3, 4),
    (0, 4, 5, 3),
    (0, 3, 4, 4),
    (5, 3, 0, 4),
    (0, 0, 3, 4),
    (0, 5, 1, 4),
    (0, 6, 5, 4),
)


def play(kind: str, seed: int, plan: Plan, seconds: float, rng: np.random.Generator) -> Piece:
    """The piece of a plan."""
    groove = plan.groove
    lead = float(rng.uniform(0, 1.2))
    times = [lead]
    swerve = 1.0
    while times[-1] < seconds + 4:
        if plan.rubato:
            swerve = float(np.clip(1 + 0.7 * (swerve - 1) + rng.normal(0, plan.rubato), 0.6, 1.6))
        times.append(times[-1] + swerve * 60 / plan.tempo(len(times) - 1))
    clock = np.asarray(times)
    index = np.arange(len(clock))
    track = np.zeros(round(seconds * RATE), np.float32)
    kit = Kit(rng, plan.soft)
    scale = MAJOR if rng.random() < 0.5 else MINOR
    tonic = int(rng.integers(0, 12))
    turn = TURNS[int(rng.integers(len(TURNS)))]
    per_chord = int(rng.choice([1, 1, 1, 2]))
    levels = {
        "kick": rng.uniform(0.6, 1.0), "snare": rng.uniform(0.4, 0.8), "hat": rng.uniform(0.12, 0.45),
        "ride": rng.uniform(0.2, 0.5), "bass": rng.uniform(0.3, 0.7), "chord": rng.uniform(0.25, 0.6),
        "melody": rng.uniform(0.1, 0.4), "pad": rng.uniform(0.5, 1.5),
    }  # fmt: skip
    levels |= plan.extra
    top, shine = float(rng.choice([500.0, 900.0, 1500.0])), float(rng.uniform(0.2, 0.8))
    figure = rng.integers(0, 3, 16)
    sings = rng.random(16) < 0.75

    def degree(step: int) -> int:
        return tonic + scale[step % 7] + 12 * (step // 7)

    def when(beat: float) -> float:
        whole = np.floor(beat)
        inside = beat - whole
        if plan.swing and abs(inside - 0.5) < 1e-6:
            inside += 0.5 * plan.swing
        sixteenth = inside * 4
        if plan.swing_16 and abs(sixteenth - round(sixteenth)) < 1e-6 and round(sixteenth) % 2:
            inside += 0.25 * plan.swing_16
        return float(np.interp(whole + inside, index, clock) + rng.normal(0, plan.jitter))

    def strike(sound: FloatArray, beat: float, gain: float) -> None:
        synth.mix_in(track, sound, max(when(beat), 0.0), RATE, gain * float(rng.uniform(0.8, 1.0)))

    bars = int(np.sum(clock < seconds)) // groove.beats + 1
    for bar in range(bars):
        first = bar * groove.beats
        if first + groove.beats >= len(clock):
            break
        part = (bar - plan.intro) // plan.part
        now = plan.other if plan.other is not None and part % 2 == 1 else groove
        span = float(clock[first + groove.beats] - clock[first])
        step = span / groove.beats
        root = turn[(bar // per_chord) % 4]
        chord = tuple(48 + degree(root + k) % 24 for k in (0, 2, 4))
        drums = bar >= plan.intro
        last = (bar - plan.intro) % plan.part == plan.part - 1
        if drums and (bar - plan.intro) % plan.part == 0 and levels["hat"] > 0:
            strike(kit.crash, first, 0.5)
        if drums:
            for spot, gain in now.kick:
                strike(kit.kick, first + spot, levels["kick"] * gain)
            fill = last and now.snare and rng.random() < 0.5
            for spot, gain in now.snare:
                if not (fill and spot >= groove.beats - 1):
                    strike(kit.snare, first + spot, levels["snare"] * gain)
            if fill:
                for spot in np.arange(groove.beats - 1, groove.beats - 0.1, 0.25):
                    strike(kit.snare, first + float(spot), 0.7 * levels["snare"])
        if bar >= plan.intro / 2:
            for spot, gain in now.hat:
                strike(kit.hat, first + spot, levels["hat"] * gain)
            for spot, gain in now.ride:
                strike(kit.ride, first + spot, levels["ride"] * gain)
        if bar >= plan.intro / 2:
            for spot, gain in now.bass:
                fifth = 7 if spot >= 2 and rng.random() < 0.25 else 0
                note = bass_note(
                    24 + (degree(root) + fifth) % 12 + 4, round(min(0.7 * step, 0.4), 3), top
                )
                strike(note, first + spot, levels["bass"] * gain)
        for spot, gain in now.chord:
            length = round(min(0.8 * step, 0.6), 3)
            if plan.guitar:
                strike(
                    guitar((chord[0], chord[0] + 7), length),
                    first + spot,
                    0.5 * levels["chord"] * gain,
                )
            else:
                strike(piano(chord, 0.7, round(shine, 1)), first + spot, levels["chord"] * gain)
        if now.melody and (bar // 4) % 2 == 1:
            for number, spot in enumerate(np.arange(0, groove.beats - 1e-9, now.melody)):
                if sings[number % 16] or spot == 0:
                    note = 60 + degree(root + 2 * int(figure[number % 16]))
                    strike(
                        piano((note,), 0.5, round(shine, 1)), first + float(spot), levels["melody"]
                    )
        if now.pad:
            swell = 0.02 if plan.rubato else 0.08
            strike(pad_chord(chord, round(span, 2), swell), first, now.pad * levels["pad"])
    if plan.rest:
        begin, end = (round(t * RATE) for t in plan.rest)
        edge = round(0.05 * RATE)
        track[begin : begin + edge] *= np.linspace(1, 0, edge, dtype=np.float32)
        track[begin + edge : end] = 0
    track = room(track, rng)
    # what sounds before a beat that is not kept in a silence
    beats = clock[clock < seconds - 0.05]
    downbeats = beats[:: groove.beats]
    if plan.rest:
        kept = lambda t: t[(t < plan.rest[0]) | (t >= plan.rest[1] - 0.02)]  # noqa: E731
        beats, downbeats = kept(beats), kept(downbeats)
    gaps = np.diff(beats)
    return Piece(kind, seed, track, beats, downbeats, plan.metre, main_tempo(gaps))


def main_tempo(gaps: Times) -> float:
    """The tempo most of the time has."""
    tempi = 60 / gaps
    best = max(tempi, key=lambda t: float(np.sum(gaps[np.abs(tempi / t - 1) < 0.02])))
    return float(np.median(tempi[np.abs(tempi / best - 1) < 0.02]))


def room(track: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Some reverb, some noise, a tilt of the spectrum, some drive."""
    wet = float(rng.choice([0.0, 0.08, 0.2, 0.35]))
    if wet:
        t = synth.clock(1.0, RATE)
        hall = rng.standard_normal(len(t)).astype(np.float32) * np.exp(-t / rng.uniform(0.1, 0.3))
        hall /= np.sqrt(np.square(hall).sum())
        size = 1 << (len(track) + len(hall) - 1).bit_length()
        sound = np.fft.irfft(np.fft.rfft(track, size) * np.fft.rfft(hall, size), size)
        track = np.asarray(track + wet * sound[: len(track)], np.float32)
    track = track / np.float32(np.abs(track).max())
    if rng.random() < 0.5:
        track = np.tanh(track * np.float32(rng.uniform(1, 4)))
        track /= np.abs(track).max()
    hiss = 10 ** rng.uniform(-4.5, -2.0)
    return np.asarray(0.8 * (track + hiss * rng.standard_normal(len(track))), np.float32)


# --- kinds ------------------------------------------------------------------

Maker = Callable[[np.random.Generator, float], Plan]


def pick(rng: np.random.Generator, *options: Hits) -> Hits:
    return options[int(rng.integers(len(options)))]


def constant(bpm: float) -> Callable[[float], float]:
    return lambda beat: bpm


def four_floor(rng: np.random.Generator, seconds: float) -> Plan:
    bass = pick(rng, every(1, 4, 0.5), every(0.5, 4), every(0.25, 4, gain=0.8), every(1, 4))
    hat = pick(rng, every(1, 4, 0.5), every(0.25, 4, gain=0.6), every(0.5, 4))
    return Plan(
        Groove(4, every(1, 4), pick(rng, at(1, 3), at(1, 3), ()), hat, bass=bass, melody=0.25),
        constant(rng.uniform(70, 195)), intro=int(rng.choice([2, 4, 8])), jitter=0.0,
    )  # fmt: skip


def rock_kick(rng: np.random.Generator) -> Hits:
    return pick(
        rng, at(0, 2), at(0, 2, 2.5), at(0, 1.5, 2), at(0, 0.5, 2.5), at(0, 2.5), at(0, 1.5, 2.5),
        at(0, 2, 3.5), at(0, 1.75, 2, 2.5),
    )  # fmt: skip


def rock(rng: np.random.Generator, seconds: float) -> Plan:
    kick = rock_kick(rng)
    hat = pick(rng, every(0.5, 4, accent=0.3), every(1, 4), every(0.5, 4))
    bass = pick(rng, kick, every(0.5, 4), at(0, 2))
    chord = pick(rng, every(0.5, 4, gain=0.8), at(0, 1.5, 2, 3.5), at(0), at(0, 2))
    chorus = Groove(4, rock_kick(rng), at(1, 3), every(1, 4), every(0.5, 4), bass, every(0.5, 4))
    return Plan(
        Groove(4, kick, at(1, 3), hat, bass=bass, chord=chord), constant(rng.uniform(85, 175)),
        other=chorus, guitar=True, jitter=rng.uniform(0.002, 0.01),
    )  # fmt: skip


def metal(rng: np.random.Generator, seconds: float) -> Plan:
    gallop = [(b + o, 1.0) for b in range(4) for o in (0.0, 0.5, 0.75)]
    kick = pick(rng, every(0.25, 4, gain=0.8), gallop, every(0.5, 4), at(0, 0.5, 2, 2.5))
    chord = pick(rng, every(0.5, 4), gallop, every(0.25, 4, gain=0.8), at(0, 1.5, 2.5, 3))
    verse = Groove(4, kick, at(1, 3), every(1, 4), bass=chord, chord=chord, melody=0.0)
    chorus = Groove(4, at(0, 0.5, 2, 2.5), at(1, 3), (), every(1, 4), every(0.5, 4), every(0.5, 4))
    return Plan(
        verse, constant(rng.uniform(90, 190)), other=chorus, guitar=True, jitter=0.006,
        extra={"chord": 0.8, "melody": 0.15},
    )  # fmt: skip


def pop(rng: np.random.Generator, seconds: float) -> Plan:
    kick = pick(rng, at(0, 0.75, 2), at(0, 1.5, 2.75), at(0, 2, 2.75), at(0, 2))
    hat = pick(rng, every(0.25, 4, gain=0.6, accent=0.4), every(0.5, 4))
    verse = Groove(4, kick, at(1, 3), hat, bass=kick, chord=at(0, 1.5, 2.5))
    return Plan(verse, constant(rng.uniform(75, 130)), swing_16=float(rng.choice([0, 0, 0.2])))


def house(rng: np.random.Generator, seconds: float) -> Plan:
    bass = pick(rng, every(1, 4, 0.5), every(0.5, 4, 0.25), every(0.25, 4, gain=0.7))
    stab = pick(rng, at(0, 0.75, 1.5, 2.5, 3.25), at(0.5, 1.5, 2.5, 3.5), at(0, 1.5, 3))
    full = Groove(
        4,
        every(1, 4),
        pick(rng, at(1, 3), ()),
        every(1, 4, 0.5),
        bass=bass,
        chord=stab,
        melody=0.25,
    )
    lull = Groove(4, (), (), every(0.25, 4, gain=0.5), chord=stab, melody=0.25)
    return Plan(full, constant(rng.uniform(116, 145)), other=lull, intro=4, jitter=0.0)


def dnb(rng: np.random.Generator, seconds: float) -> Plan:
    kick = pick(rng, at(0, 2.5), at(0, 2.5, 3.5), at(0, 0.5, 2.5))
    hat = pick(rng, every(0.5, 4), every(0.25, 4, gain=0.5), every(1, 4, 0.5))
    bass = pick(rng, at(0, 2.5), at(0, 1.5, 3), at(0))
    full = Groove(4, kick, at(1, 3), hat, bass=bass, melody=1.0)
    return Plan(full, constant(rng.uniform(162, 200)), intro=4, jitter=0.001)


def swing(rng: np.random.Generator, seconds: float) -> Plan:
    ride = [(0, 1.0), (1, 1.2), (1.5, 0.7), (2, 1.0), (3, 1.2), (3.5, 0.7)]
    comp = pick(rng, at(1.5, 3), at(0, 1.5), at(0.5, 2.5), at(1.5, 3.5))
    feather = pick(rng, every(1, 4, gain=0.25), (), at(0, gain=0.4))
    walk = Groove(4, feather, (), pick(rng, at(1, 3), ()), ride, every(1, 4), comp)
    return Plan(
        walk, constant(rng.uniform(110, 215)), swing=rng.uniform(0.2, 0.36), soft=True, intro=0,
        jitter=0.008, extra={"ride": 0.5, "bass": 0.6},
    )  # fmt: skip


def shuffle(rng: np.random.Generator, seconds: float) -> Plan:
    kick = pick(rng, at(0, 2), at(0, 1.5, 2), at(0, 2, 3.5))
    blues = Groove(
        4, kick, at(1, 3), every(0.5, 4, gain=0.8), bass=every(0.5, 4), chord=at(0, 1.5, 2)
    )
    return Plan(blues, constant(rng.uniform(75, 150)), swing=1 / 3, guitar=True)


def six_eight(rng: np.random.Generator, seconds: float) -> Plan:
    third = 1 / 3
    hat = every(third, 2, gain=0.8)
    kick = pick(rng, at(0), at(0, 2 * third), at(0, 5 * third))
    chord = pick(rng, every(third, 2, gain=0.6), at(0, 2 * third, 1))
    sway = Groove(2, kick, at(1), hat, bass=at(0, 5 * third), chord=chord, melody=third)
    return Plan(sway, constant(rng.uniform(52, 88)), 6, part=16, intro=int(rng.choice([2, 4])))


def ballad(rng: np.random.Generator, seconds: float) -> Plan:
    slow = Groove(
        4, pick(rng, at(0, 2), at(0, 2, 2.5), at(0)), at(1, 3), pick(rng, every(0.5, 4), every(1, 4)),
        bass=at(0, 2), chord=pick(rng, every(0.5, 4, gain=0.7, accent=0.2), every(1, 4), at(0, 2)),
    )  # fmt: skip
    return Plan(slow, constant(rng.uniform(54, 84)), part=4, soft=rng.random() < 0.3, jitter=0.01)


def waltz(rng: np.random.Generator, seconds: float) -> Plan:
    oom = Groove(
        3, at(0), pick(rng, at(1, 2, gain=0.6), at(2), ()), pick(rng, every(1, 3), every(0.5, 3)),
        bass=at(0), chord=at(1, 2), melody=pick(rng, 1.0, 0.5),  # type: ignore[arg-type]
    )  # fmt: skip
    return Plan(oom, constant(rng.uniform(85, 185)), 3, part=8, jitter=0.006)


def five(rng: np.random.Generator, seconds: float) -> Plan:
    vamp = Groove(
        5, pick(rng, at(0, 3), at(0, 1.5, 3)), pick(rng, at(2, 4), at(1, 4), at(3)),
        pick(rng, every(0.5, 5), every(1, 5)), bass=at(0, 1.5, 3), chord=pick(rng, at(0, 1.5, 3), at(0, 3)),
    )  # fmt: skip
    return Plan(vamp, constant(rng.uniform(90, 180)), 5, part=8)


def seven(rng: np.random.Generator, seconds: float) -> Plan:
    odd = Groove(
        7, pick(rng, at(0, 2, 4), at(0, 4), at(0, 3, 5)), pick(rng, at(1, 3, 6), at(2, 6), at(2, 5)),
        pick(rng, every(1, 7), every(0.5, 7)), bass=at(0, 2, 4), chord=pick(rng, at(0, 4), at(0, 2, 4)),
    )  # fmt: skip
    return Plan(odd, constant(rng.uniform(110, 190)), 7, part=8)


def two(rng: np.random.Generator, seconds: float) -> Plan:
    march = Groove(
        2, at(0), at(1, gain=0.7), pick(rng, every(0.5, 2), ()), bass=at(0, 1), chord=at(0.5, 1.5)
    )
    return Plan(march, constant(rng.uniform(90, 140)), 2, part=16)


def step(rng: np.random.Generator, seconds: float) -> Plan:
    plan = rock(rng, seconds) if rng.random() < 0.6 else pop(rng, seconds)
    one, other = rng.uniform(85, 150, 2)
    while abs(np.log(one / other)) < 0.1:
        other = rng.uniform(85, 150)
    change = 4 * round(seconds * rng.uniform(0.4, 0.6) * one / 240)
    plan.tempo = lambda beat: one if beat < change else other
    return plan


def ramp(rng: np.random.Generator, seconds: float) -> Plan:
    plan = rock(rng, seconds) if rng.random() < 0.5 else house(rng, seconds)
    one = rng.uniform(85, 140)
    total = one * rng.choice([0.8, 0.85, 1.2, 1.3])
    count = seconds * (one + total) / 120
    plan.tempo = lambda beat: one + (total - one) * min(beat / count, 1.1)
    return plan


def rest(rng: np.random.Generator, seconds: float) -> Plan:
    plan = pop(rng, seconds) if rng.random() < 0.5 else house(rng, seconds)
    begin = seconds * rng.uniform(0.35, 0.45)
    plan.rest = (begin, begin + 10)
    return plan


def rubato(rng: np.random.Generator, seconds: float) -> Plan:
    hands = Groove(
        4, chord=pick(rng, every(1, 4), at(0, 2, 3), every(0.5, 4, gain=0.5, accent=0.5)), bass=at(0, 2),
        pad=0.0,
    )  # fmt: skip
    return Plan(
        hands, constant(rng.uniform(62, 110)), intro=0, rubato=rng.uniform(0.02, 0.05), jitter=0.01,
        extra={"bass": 0.35, "chord": 0.6},
    )  # fmt: skip


def off_beat(rng: np.random.Generator, seconds: float) -> Plan:
    skank = every(1, 4, 0.5)
    drums = pick(rng, at(2), at(0, 2), every(1, 4))
    reggae = Groove(
        4, drums, pick(rng, at(1, 3), at(2)), every(0.5, 4), bass=at(0, 0.75, 2), chord=skank
    )
    return Plan(
        reggae, constant(rng.uniform(72, 165)), guitar=rng.random() < 0.5, jitter=0.006,
        extra={"chord": 0.9},
    )  # fmt: skip


def half_time(rng: np.random.Generator, seconds: float) -> Plan:
    plan = rock(rng, seconds)
    plan.tempo = constant(rng.uniform(115, 165))
    wide = Groove(4, at(0, 2.5), at(2), every(1, 4), bass=at(0, 2.5), chord=every(0.5, 4))
    plan.other = wide
    return plan


def funk(rng: np.random.Generator, seconds: float) -> Plan:
    kick = pick(
        rng, at(0, 0.75, 1.5, 2.5, 2.75), at(0, 1.75, 2.5), at(0, 0.5, 2.75), at(0, 1.5, 2.25, 3.5)
    )
    snare = [(1.0, 1.0), (3.0, 1.0), (1.75, 0.25), (2.25, 0.25)]
    hat = every(0.25, 4, gain=0.7, accent=0.2)
    jam = Groove(4, kick, snare, hat, bass=[*kick, (3.25, 0.8)], chord=at(0.5, 1.5, 2.75, 3.5))
    return Plan(jam, constant(rng.uniform(76, 125)), swing_16=float(rng.choice([0, 0.2, 0.33])))


def latin(rng: np.random.Generator, seconds: float) -> Plan:
    clave = pick(rng, at(0, 0.75, 1.5, 2.5, 3), at(0, 0.75, 1.75, 2.5, 3), at(0.75, 1.5, 2.75, 3.5))
    kick = pick(rng, at(0, 1.5, 2, 3.5), every(1, 4), at(0, 0.75, 2, 2.75))
    bossa = Groove(
        4,
        kick,
        [(s, 0.6) for s, _ in clave],
        every(0.5, 4),
        bass=at(0, 1.5, 2, 3.5),
        chord=at(0, 1.5, 3),
    )
    return Plan(bossa, constant(rng.uniform(80, 140)))


def strummed(rng: np.random.Generator, seconds: float) -> Plan:
    strum = pick(
        rng, [(0, 1.0), (1, 0.7), (1.5, 0.6), (2.5, 0.6), (3, 0.8), (3.5, 0.5)],
        every(0.5, 4, gain=0.6, accent=0.4), every(1, 4),
        [(0, 1.0), (1, 0.8), (2, 0.9), (2.5, 0.5), (3, 0.8), (3.5, 0.5)],
    )  # fmt: skip
    return Plan(
        Groove(4, bass=at(0, 2), chord=strum), constant(rng.uniform(78, 140)), intro=0, jitter=0.01
    )


KINDS: dict[str, Maker] = {
    maker.__name__: maker
    for maker in (
        four_floor, rock, metal, pop, house, dnb, swing, shuffle, six_eight, ballad, waltz, five, seven, two,
        step, ramp, rest, rubato, off_beat, half_time, funk, latin, strummed,
    )
}  # fmt: skip
ALL_KINDS = (*KINDS, "demo")


def make_piece(kind: str, seed: int, seconds: float = 45.0) -> Piece:
    """The piece of a kind and a seed; the same arguments give the same piece."""
    rng = np.random.default_rng([ALL_KINDS.index(kind), seed])
    if kind == "demo":
        bpm = float(rng.choice([76, 151, 174, 190, rng.uniform(62, 198)]))
        stereo, _ = compose(seconds, seed, bpm)
        beats = np.arange(0, seconds - 0.3, 60 / bpm)
        mono = stereo.mean(1)
        # half the rate, after a gentle low-pass
        mono = 0.5 * mono + 0.25 * (np.roll(mono, 1) + np.roll(mono, -1))
        return Piece(kind, seed, mono[::2].astype(np.float32), beats, beats[::4], 4, bpm)
    return play(kind, seed, KINDS[kind](rng, seconds), seconds, rng)
