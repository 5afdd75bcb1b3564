"""One frame per prompt, side by side: how the picture at the top of the README was made.

python examples/contact_sheet.py SHEET.jpg "neon pink galaxy" "teal ocean waves" ...
"""

import sys

import numpy as np
from PIL import Image

from phosphene.audio import AudioAnalyzer
from phosphene.audio.compose import compose
from phosphene.config import PipelineConfig
from phosphene.diffusion import LSDPipeline, StreamDiffusionPipeline
from phosphene.show.director import Director
from phosphene.show.performance import Performance

FRAME = 40
COLUMNS = 6
SIDE = 300

if len(sys.argv) < 3:
    sys.exit(__doc__)
sound, rate = compose(10.0)
frames = []
for prompt in sys.argv[2:]:
    config = PipelineConfig()
    config.prompt.base_prompt = prompt
    config.prompt.chroma_strength = 0.1
    LSDPipeline.suggest(config)
    base = LSDPipeline(config.diffusion, config.inference)
    features = AudioAnalyzer(config.audio).analyze_samples(sound, rate)
    stream = StreamDiffusionPipeline(base, config.stream)
    performance = Performance(Director(config, features, base), stream)
    *_, latent = performance.latents(0, FRAME + 1)
    picture = Image.fromarray(base.decode(latent)[0])
    frames.append(np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)))
blank = np.zeros_like(frames[0])
frames += [blank] * (-len(frames) % COLUMNS)
rows = [np.concatenate(frames[i : i + COLUMNS], 1) for i in range(0, len(frames), COLUMNS)]
Image.fromarray(np.concatenate(rows, 0)).save(sys.argv[1], quality=88)
print(f"{len(sys.argv) - 2} prompts: {sys.argv[1]}")
