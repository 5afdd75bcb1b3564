"""A short piece of music made of nothing but NumPy, for the demo."""

from __future__ import annotations

import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phosphene.audio import synth
from phosphene.audio.types import FloatArray
from phosphene.errors import InputError, OutputError

RATE = 44100

PROGRESSIONS: tuple[tuple[tuple[int, ...], ...], ...] = (
    ((57, 60, 64, 71), (53, 57, 60, 67), (48, 55, 64, 71), (55, 59, 62, 69)),
    ((50, 57, 65, 69), (58, 62, 65, 69), (53, 60, 65, 69), (48, 55, 64, 67)),
    ((52, 59, 67, 71), (48, 55, 64, 71), (55, 59, 62, 71), (50, 57, 66, 69)),
)
"""four chords each, MIDI notes: Am9 F9 Cmaj7 G9, then D minor and E minor turns"""

ARPS = ((0, 1, 2, 3, 2, 1, 3, 2), (0, 2, 1, 3, 2, 3, 1, 2), (3, 2, 1, 0, 2, 1, 3, 1))


def sidechain(total: int, kicks: list[float], rate: int) -> FloatArray:
    """(total,) gain that dips at every bass drum and swells back within a quarter of a second."""
    gain = np.ones(total, np.float32)
    t = synth.clock(0.26, rate)
    dip = np.asarray(1 - 0.65 * np.exp(-t / 0.075), np.float32)
    for time in kicks:
        begin = round(time * rate)
        count = max(0, min(len(dip), total - begin))
        gain[begin : begin + count] = np.minimum(gain[begin : begin + count], dip[:count])
    return gain


def echo(track: FloatArray, seconds: float, rate: int) -> FloatArray:
    """The track, later: what one ear hears of a wide sound."""
    delay = round(seconds * rate)
    return np.concatenate((np.zeros(delay, np.float32), track))[: len(track)]


def reverb(
    track: FloatArray, rng: np.random.Generator, rate: int, seconds: float = 1.4
) -> FloatArray:
    """(n, 2) small hall: convolution with fading noise, different for each ear."""
    t = synth.clock(seconds, rate)
    size = 1 << (len(track) + len(t) - 1).bit_length()
    spectrum = np.fft.rfft(track, size)
    audio_input = []
    for _ in range(2):
        noise = rng.standard_normal(len(t)).astype(np.float32)
        # walls swallow treble: smooth the noise
        dull = np.convolve(noise, np.full(6, 1 / 6, np.float32), mode="same")
        hall = dull * np.exp(-t / 0.32)
        hall /= np.sqrt(np.square(hall).sum())
        audio_input.append(np.fft.irfft(spectrum * np.fft.rfft(hall, size), size)[: len(track)])
    return np.stack(audio_input, axis=1).astype(np.float32)


def master(stereo: FloatArray, rate: int) -> FloatArray:
    """Glued by a soft limit, peak at 0.89 (-1 dBFS), first and last milliseconds faded."""
    loud = float(np.percentile(np.abs(stereo), 99.5)) or 1.0
    out = np.tanh(stereo * (0.9 / loud))
    fade = min(len(out) // 2, round(0.03 * rate))
    out[-fade:] *= np.linspace(1, 0, fade)[:, None] ** 2
    out[:32] *= np.linspace(0, 1, len(out[:32]))[:, None]
    return np.asarray(out * (0.89 / max(float(np.abs(out).max()), 1e-9)), np.float32)


@dataclass(frozen=True)
class Plan:
    """The form: counts of beats. Intro, groove, break, a fuller chorus and a last chord."""

    bpm: float
    intro: int
    groove: int
    lull: int
    chorus: int
    tail: float
    """seconds in which the last chord rings out"""

    @property
    def beats(self) -> int:
        """beats before the last chord"""
        return self.intro + self.groove + self.lull + self.chorus

    def at(self, beat: float) -> float:
        """Seconds at which ``beat`` is struck."""
        return 60 / self.bpm * beat

    def part(self, beat: float) -> str:
        """Name of the part that ``beat`` is in."""
        ends = np.cumsum((self.intro, self.groove, self.lull, self.chorus))
        names = ("intro", "groove", "lull", "chorus", "end")
        return names[int(np.searchsorted(ends, beat, side="right"))]


def plan_form(seconds: float, bpm: float) -> Plan:
    """A form of whole bars in ``seconds``; what is left over, 1.5 s or more, is the last chord's."""
    bar = 240 / bpm
    bars = max(0, int((seconds - min(1.5, seconds / 3)) / bar))
    intro = max(1, bars // 6) if bars >= 4 else 0
    lull = max(1, bars // 7) if bars >= 5 else 0
    groove = (bars - intro - lull) // 2
    chorus = bars - intro - lull - groove
    return Plan(bpm, 4 * intro, 4 * groove, 4 * lull, 4 * chorus, seconds - bars * bar)


def compose(seconds: float = 15.0, seed: int = 0, bpm: float = 120.0) -> tuple[FloatArray, int]:
    """(samples (n, 2) in -1..1, 44100): an original piece with drums, bass, pads and an arpeggio.

    The same arguments give the same samples; ``seed`` picks chords, figures and drum fills.
    """
    if not (0.5 <= seconds <= 600 and 60 <= bpm <= 200):
        raise InputError("a demo piece lasts 0.5 to 600 seconds at 60 to 200 beats per minute.")
    rng = np.random.default_rng(seed)
    plan = plan_form(seconds, bpm)
    total = round(seconds * RATE)
    chords = PROGRESSIONS[int(rng.integers(len(PROGRESSIONS)))]

    drums, kicks = play_drums(plan, total, rng)
    low = play_bass(plan, total, chords)
    harmony = play_pads(plan, total, chords)
    melody = play_arp(plan, total, chords, ARPS[int(rng.integers(len(ARPS)))])
    duck = sidechain(total, kicks, RATE)

    wet = reverb(0.5 * harmony + 0.9 * melody + 0.12 * drums, rng, RATE)
    centre = 0.95 * drums + 0.62 * low * duck
    sides = (0.42 * harmony + 0.5 * melody) * duck
    stereo = np.stack((centre + sides, centre + echo(sides, 0.011, RATE)), axis=1)
    stereo += 0.16 * wet
    return master(stereo, RATE), RATE


def chord_at(chords: tuple[tuple[int, ...], ...], beat: float) -> tuple[int, ...]:
    """The chord under ``beat``: each lasts one bar of four."""
    return chords[int(beat // 4) % len(chords)]


def play_drums(plan: Plan, total: int, rng: np.random.Generator) -> tuple[FloatArray, list[float]]:
    """Drum track (total,) and the times of its bass drum, seconds."""
    track = np.zeros(total, np.float32)
    kick, snare, clap = synth.kick(RATE), synth.snare(RATE, rng), synth.clap(RATE, rng)
    hat, open_hat = synth.hat(RATE, rng), synth.hat(RATE, rng, open_=True)
    kicks: list[float] = []

    def strike(sound: FloatArray, beat: float, gain: float) -> None:
        synth.mix_in(track, sound, plan.at(beat), RATE, gain)

    for beat in range(plan.beats):
        part = plan.part(beat)
        drums_play = part in ("groove", "chorus")
        if drums_play or (part == "lull" and beat % 4 == 0):
            strike(kick, beat, 0.95)
            kicks.append(plan.at(beat))
        if drums_play and beat % 2 == 1:
            strike(snare, beat, 0.45)
            strike(clap, beat, 0.5)
        if part != "lull":
            quiet = 0.5 if part == "intro" else 1.0
            for quarter in (0.0, 0.25, 0.5, 0.75):
                accent = 0.8 if quarter == 0.5 else 0.4
                strike(hat, beat + quarter, 0.45 * quiet * accent * rng.uniform(0.8, 1.0))
        if part == "chorus":
            strike(open_hat, beat + 0.5, 0.3)
    # a snare roll lifts the lull into the chorus
    lift = plan.intro + plan.groove + plan.lull
    if plan.lull:
        steps = 2 * plan.lull
        for step in range(steps):
            strike(snare, lift - plan.lull / 2 + step / 4, 0.08 + 0.3 * step / steps)
    strike(kick, plan.beats, 1.0)
    strike(open_hat, plan.beats, 0.4)
    return track, [*kicks, plan.at(plan.beats)]


def play_bass(plan: Plan, total: int, chords: tuple[tuple[int, ...], ...]) -> FloatArray:
    """Bass (total,): off-beat eighths under the groove, long notes under the lull."""
    track = np.zeros(total, np.float32)
    made: dict[tuple[int, float, float], FloatArray] = {}

    def pluck(note: int, beat: float, length: float, top: float) -> None:
        key = (note, length, top)
        if key not in made:
            made[key] = synth.bass(RATE, note, length * 60 / plan.bpm, top=top)
        synth.mix_in(track, made[key], plan.at(beat), RATE, 0.9)

    for beat in range(plan.beats):
        part = plan.part(beat)
        root = chord_at(chords, beat)[0] - 24
        if part in ("groove", "chorus"):
            top = 700.0 if part == "groove" else 1500.0
            pluck(root, beat + 0.5, 0.45, top)
            pluck(root + (12 if beat % 4 == 3 else 0), beat + 0.75, 0.22, top)
        elif part == "lull" and beat % 4 == 0:
            pluck(root, beat, 3.5, 500.0)
    synth.mix_in(
        track, synth.bass(RATE, chords[0][0] - 24, plan.tail, top=500.0), plan.at(plan.beats), RATE
    )
    return track


def play_pads(plan: Plan, total: int, chords: tuple[tuple[int, ...], ...]) -> FloatArray:
    """Chords (total,) that change with the bar, and the last one that rings out."""
    track = np.zeros(total, np.float32)
    made: dict[tuple[tuple[int, ...], float], FloatArray] = {}
    for beat in range(0, plan.beats, 4):
        span = min(4, plan.beats - beat)
        key = (chord_at(chords, beat), plan.at(span) + 0.25)
        if key not in made:
            made[key] = synth.pad(RATE, *key)
        synth.mix_in(track, made[key], plan.at(beat), RATE)
    last = synth.pad(RATE, chords[0], plan.tail, swell=0.05)
    last *= np.linspace(1, 0, len(last), dtype=np.float32) ** 1.5
    synth.mix_in(track, last, plan.at(plan.beats), RATE, 1.1)
    return track


def play_arp(
    plan: Plan, total: int, chords: tuple[tuple[int, ...], ...], figure: tuple[int, ...]
) -> FloatArray:
    """Arpeggio (total,) in sixteenths whose filter opens over the groove and the lull."""
    track = np.zeros(total, np.float32)
    made: dict[tuple[int, int], FloatArray] = {}
    for step in range(plan.beats * 4):
        beat = step / 4
        part = plan.part(beat)
        if part == "intro" and step % 2:
            continue
        shade = int(brightness(plan, part, beat) * 8)
        note = chord_at(chords, beat)[figure[step % len(figure)]] + 12
        if part == "chorus" and step % 8 >= 6:
            note += 12
        if (note, shade) not in made:
            made[note, shade] = synth.pluck(RATE, note, 0.5, brightness=shade / 8)
        synth.mix_in(track, made[note, shade], plan.at(beat), RATE, 0.55 if step % 4 else 0.7)
    for index, note in enumerate(chords[0]):
        ring = synth.pluck(RATE, note + 12, plan.tail, brightness=0.6)
        synth.mix_in(track, ring, plan.at(plan.beats) + 0.03 * index, RATE, 0.6)
    return track


def brightness(plan: Plan, part: str, beat: float) -> float:
    """0..1: how far the arpeggio's filter is open."""
    sweep: dict[str, Callable[[], float]] = {
        "intro": lambda: 0.15 + 0.15 * beat / max(plan.intro, 1),
        "groove": lambda: 0.3 + 0.35 * (beat - plan.intro) / max(plan.groove, 1),
        "lull": lambda: 0.2 + 0.7 * (beat - plan.intro - plan.groove) / max(plan.lull, 1),
    }
    return sweep.get(part, lambda: 0.75)()


def write_wav(path: str | Path, samples: FloatArray, rate: int = RATE) -> None:
    """Write ``samples`` (n,) or (n, channels) in -1..1 as 16-bit wav; replaces the file."""
    frames = np.asarray(samples).reshape(len(samples), -1)
    words = np.round(np.clip(frames, -1, 1) * 32767).astype("<i2")
    try:
        with Path(path).open("wb") as raw, wave.open(raw, "wb") as file:
            file.setnchannels(words.shape[1])
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(words.tobytes())
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}.") from error
