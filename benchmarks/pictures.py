"""Draw the pictures that the package and the README show of the built-in model, as its streams draw them.

python benchmarks/pictures.py looks                  a thumbnail beside every look that ships
python benchmarks/pictures.py prompts OUT.webp       eighteen prompts, moving
python benchmarks/pictures.py sheet OUT.png          every look, two moments of each, 1920x1080
python benchmarks/pictures.py crisp                  slopes of pictures over those of the renderer's own
python benchmarks/pictures.py light                  every look: light on the beat, frames held as flashes
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import JsonValue

from phosphene.audio import AudioAnalyzer
from phosphene.audio.compose import compose, write_wav
from phosphene.config import DiffusionConfig, InferenceConfig, PipelineConfig
from phosphene.diffusion import StreamDiffusionPipeline, load_pipeline
from phosphene.diffusion.lsd.pipeline import LSDPipeline
from phosphene.diffusion.lsd.render import FAMILIES
from phosphene.show.crossfade import decoded
from phosphene.show.looks import looks, nest
from phosphene.show.performance import Performance
from phosphene.show.render import apply_size
from phosphene.video.flash import FlashLimiter
from phosphene.video.flash_signal import block_signals
from phosphene.video.spec import Size
from phosphene.video.writer import Frame

SECONDS = 12.0
THUMBNAIL = (256, 144)
MEASURED_AT, MEASURED = (456, 256), 240
"""size and number of the frames whose light is measured"""
SHOWN_AT = 60
"""frames of a composed piece: past its quiet beginning"""
PROMPTS = (
    "crimson and gold mandala", "electric blue lightning", "neon pink and cyan tunnel",
    "orange fire", "purple and turquoise kaleidoscope", "hexagons of lightning",
    "emerald cells", "violet galaxy", "magenta synthwave grid",
    "teal ocean waves", "gold and black marble", "mandala of fire",
    "rainbow stained glass", "lime dna", "turquoise spider web",
    "amber fractal flame", "ice blue crystal", "hot pink flower",
)  # fmt: skip
TILE, COLUMNS, FRAMES, EVERY = 160, 6, 36, 2


def frames(values: dict[str, JsonValue], size: Size, total: int) -> Iterator[Frame]:
    """The first frames of a composed piece with some settings, flashes held as in a show."""
    return (frame for frame, _, _ in played(values, size, total))


def played(
    values: dict[str, JsonValue], size: Size, total: int
) -> Iterator[tuple[Frame, bool, float]]:
    """The same, each with whether it was held back, and how much of a beat has passed."""
    config = PipelineConfig.from_dict(nest(values))
    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder) / "piece.wav"
        write_wav(song, *compose(SECONDS))
        features = AudioAnalyzer(config.audio).analyze(song)
    base = load_pipeline(config.diffusion, config.inference)
    base.suggest(config)
    apply_size(base, config, size)
    show = Performance(features, config, StreamDiffusionPipeline(base, config.stream))
    limiter = FlashLimiter(config.audio.fps)
    for frame in range(total):
        picture = decoded(base, show.step(show.cue(frame)))
        shown = limiter(picture)
        yield shown, shown is not picture, float(features.beat_position[frame] % 1.0)


def draw_looks() -> None:
    folder = Path(str(resources.files("phosphene.show") / "looks"))
    for look in looks():
        *_, last = frames(dict(look.values), THUMBNAIL, SHOWN_AT)
        name = next(f for f in folder.glob("*.toml") if f'"{look.name}"' in f.read_text("utf-8"))
        Image.fromarray(last).save(name.with_suffix(".webp"), quality=82, method=6)
        print(name.stem, flush=True)


def draw_prompts(out: Path) -> None:
    rows = len(PROMPTS) // COLUMNS
    sheet = np.zeros((FRAMES, rows * TILE, COLUMNS * TILE, 3), np.uint8)
    for k, text in enumerate(PROMPTS):
        y, x = TILE * (k // COLUMNS), TILE * (k % COLUMNS)
        drawn = frames({"prompt.base_prompt": text}, (TILE, TILE), 24 + FRAMES * EVERY)
        for index, frame in enumerate(drawn):
            if index >= 24 and (index - 24) % EVERY == 0:
                sheet[(index - 24) // EVERY, y : y + TILE, x : x + TILE] = frame
        print(text, flush=True)
    first, *rest = (Image.fromarray(each) for each in sheet)
    first.save(out, save_all=True, append_images=rest, duration=83, loop=0, quality=62, method=4)


def draw_sheet(out: Path) -> None:
    rows = []
    for look in looks():
        drawn = list(frames(dict(look.values), (1920, 1080), 61))
        rows.append(np.concatenate([drawn[30], drawn[60]], axis=1))
        print(look.name, flush=True)
    Image.fromarray(np.concatenate(rows)).save(out)


def crisp() -> None:
    """Slopes of fields at 1024x1024, refined and painted, over those of the renderer's own pictures."""
    base = LSDPipeline(DiffusionConfig(), InferenceConfig(width=1024, height=1024))
    found = []
    print("mean slope, steepest half per cent; the same with the sharpener alone")
    for name in list(FAMILIES)[::3]:
        text = FAMILIES[name].words[0]
        embeds, palette = base.encode_prompt(text), base.palettes([text])
        latent, recipe = base.recall(embeds, 3, motion=5.0)
        own = slopes(base.paint(base.drawn(recipe[0], 1024, 1024), palette)[0])
        fields = base.refine(latent, recipe), base.refine(latent)
        found.append([slopes(base.paint(field, palette)[0]) / own for field in fields])
        print(f"{name:<14}", *(f"{value:5.2f}" for value in np.ravel(found[-1])), flush=True)
    for what, of in (("median", 0.5), ("lowest tenth", 0.1)):
        print(f"{what:<14}", *(f"{value:5.2f}" for value in np.quantile(found, of, axis=0).ravel()))


def light() -> None:
    """Light in the first quarter of a beat over that in the rest, and the share of frames held back."""
    found = []
    print(f"{'':<16}light on the beat   held back")
    for look in looks():
        rows = [
            (float(block_signals(shown)[0].mean()), held, phase)
            for shown, held, phase in played(dict(look.values), MEASURED_AT, MEASURED)
        ]
        luminance, held, phase = np.array(rows).T
        on = phase < 0.25
        found.append((luminance[on].mean() / luminance[~on].mean(), held.mean()))
        print(f"{look.name:<16}{found[-1][0]:17.2f}{found[-1][1]:12.1%}", flush=True)
    ratios, shares = np.array(found).T
    print(f"{'median; mean':<16}{np.median(ratios):17.2f}{shares.mean():12.1%}")
    print(f"{'least; most':<16}{ratios.min():17.2f}{shares.max():12.1%}")


def slopes(picture: Frame) -> npt.NDArray[np.float64]:
    """Magnitudes of a picture's gradient: their mean, and what the steepest half per cent exceed."""
    steep = np.hypot(*np.gradient(picture.astype(float).mean(-1)))
    return np.array([steep.mean(), np.quantile(steep, 0.995)])


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["looks"]:
            draw_looks()
        case ["prompts", out]:
            draw_prompts(Path(out))
        case ["sheet", out]:
            draw_sheet(Path(out))
        case ["crisp"]:
            crisp()
        case ["light"]:
            light()
        case _:
            sys.exit(__doc__)
