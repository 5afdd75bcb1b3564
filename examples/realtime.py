"""Frame by frame, as a live show would: nothing is precomputed, memory stays flat.

python examples/realtime.py SONG
"""

import sys
import time

from phosphene.audio import AudioAnalyzer
from phosphene.config import PipelineConfig
from phosphene.diffusion import LSDPipeline, StreamDiffusionPipeline
from phosphene.latent import LatentGenerator
from phosphene.prompt import PromptInterpolator

config = PipelineConfig.fast_preset()
features = AudioAnalyzer(config.audio).analyze(sys.argv[1], duration=10.0)

base = LSDPipeline(config.diffusion, config.inference)
pipeline = StreamDiffusionPipeline(base_pipeline=base, stream_config=config.stream)
latent_gen = LatentGenerator(config.latent)
prompts = PromptInterpolator(config.prompt).interpolate_prompts(
    features,
    pipeline.encode_prompt(config.prompt.base_prompt)[0],
    pipeline.encode_prompt(config.prompt.chroma_prompts),
    precompute=False,
)
began = time.perf_counter()
for frame_idx in range(features.num_frames):
    frame = pipeline.generate_frame_with_coherence(
        latent=latent_gen.get_latent_at_frame(frame_idx, features, pipeline.get_latent_shape()),
        prompt_embeds=prompts[frame_idx],
        music_energy=features.get_energy_at_frame(frame_idx),
    )
print(f"{features.num_frames / (time.perf_counter() - began):.1f} frames a second, {frame.shape}")
