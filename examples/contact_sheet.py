"""Prompts side by side: how the moving picture at the top of the README was made.

python examples/contact_sheet.py SHEET.webp "neon pink galaxy" "teal ocean waves" ...
"""

import sys
from collections.abc import Iterator

import numpy as np
from PIL import Image

from phosphene.audio import AudioAnalyzer
from phosphene.audio.compose import compose
from phosphene.config import PipelineConfig
from phosphene.diffusion import LSDPipeline, StreamDiffusionPipeline
from phosphene.show.performance import Performance

FIRST, END, STEP = 40, 112, 2
COLUMNS = 6
SIDE = 160


def tiles(prompt: str) -> Iterator[np.ndarray]:
    """Small frames of a song's show."""
    config = PipelineConfig()
    config.prompt.base_prompt = prompt
    config.prompt.chroma_strength = 0.1
    LSDPipeline.suggest(config)
    base = LSDPipeline(config.diffusion, config.inference)
    sound, rate = compose(10.0)
    features = AudioAnalyzer(config.audio).analyze_samples(sound, rate)
    stream = StreamDiffusionPipeline(base, config.stream)
    performance = Performance(features, config, stream)
    for frame, key in enumerate(performance.keys(0, END)):
        if frame >= FIRST and (frame - FIRST) % STEP == 0:
            picture = Image.fromarray(base.decode(key.latent, key.palette)[0])
            yield np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


if len(sys.argv) < 3:
    sys.exit(__doc__)
shows = [list(tiles(prompt)) for prompt in sys.argv[2:]]
shows += [[np.zeros_like(frame) for frame in shows[0]]] * (-len(shows) % COLUMNS)
rows = [shows[i : i + COLUMNS] for i in range(0, len(shows), COLUMNS)]
sheets = [
    Image.fromarray(np.concatenate([np.concatenate(row, 1) for row in frames]))
    for frames in zip(*([list(zip(*row, strict=True)) for row in rows]), strict=True)
]
sheets[0].save(
    sys.argv[1],
    save_all=True,
    append_images=sheets[1:],
    duration=round(1000 * STEP / 24),
    loop=0,
    quality=45,
    method=6,
)
print(f"{len(sys.argv) - 2} prompts: {sys.argv[1]}")
