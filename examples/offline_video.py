"""Song in, frames out, step by step: what `phosphene render` does, spelled out.

python examples/offline_video.py SONG
"""

import sys

from phosphene.audio import AudioAnalyzer
from phosphene.config import PipelineConfig
from phosphene.diffusion import LSDPipeline
from phosphene.latent import LatentGenerator
from phosphene.prompt import PromptInterpolator

config = PipelineConfig.balanced_preset()
features = AudioAnalyzer(config.audio).analyze(sys.argv[1], duration=4.0)

base = LSDPipeline(config.diffusion, config.inference)
latents = LatentGenerator(config.latent).generate_latent_walk(
    features, base.get_latent_shape(), precompute=True
)
base_embeds = base.encode_prompt(config.prompt.base_prompt)
chroma_embeds = base.encode_prompt(config.prompt.chroma_prompts)
prompt_embeds = PromptInterpolator(config.prompt).interpolate_prompts(
    features, base_embeds[0], chroma_embeds
)
frames = base.generate_batch(latents, prompt_embeds)
print(f"{len(frames)} frames of {frames.shape[2]}x{frames.shape[1]}, {features.tempo:.1f} BPM")
