"""The two usage examples of the reference architecture, with ``phosphene`` for ``src``.

Only the device, the weights and the size are this test's own: a tiny random Stable Diffusion on the CPU.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from phosphene.audio import AudioAnalyzer
from phosphene.config import PipelineConfig
from phosphene.diffusion import SD15Pipeline, StreamDiffusionPipeline
from phosphene.latent import LatentGenerator
from phosphene.prompt import PromptInterpolator


@pytest.fixture
def config(trees, offline) -> PipelineConfig:
    config = PipelineConfig.balanced_preset()
    config.diffusion.model_id = str(trees["eps"])
    config.diffusion.device = "cpu"
    config.inference.height = config.inference.width = 64
    config.audio.fps = 12
    return config


@pytest.fixture
def shown(wav, config):
    """What both examples share, word for word."""
    analyzer = AudioAnalyzer(config.audio)
    features = analyzer.analyze(wav)

    # create pipeline
    base = SD15Pipeline(config.diffusion, config.inference)
    pipeline = StreamDiffusionPipeline(base, config.stream)

    # generate latents and prompts
    latent_gen = LatentGenerator(config.latent, "cpu", torch.float32)
    latents = latent_gen.generate_latent_walk(
        features, pipeline.get_latent_shape(), precompute=True
    )

    prompt_interp = PromptInterpolator(config.prompt, "cpu", torch.float32)
    base_embeds = pipeline.encode_prompt(config.prompt.base_prompt)
    chroma_embeds = pipeline.encode_prompt(config.prompt.chroma_prompts)
    prompt_embeds = prompt_interp.interpolate_prompts(features, base_embeds[0], chroma_embeds)
    return features, pipeline, latent_gen, latents, prompt_embeds


def test_offline_video_generation(shown) -> None:
    features, pipeline, _, latents, prompt_embeds = shown
    frames = pipeline.base.generate_batch(latents, prompt_embeds)
    assert frames.shape == (features.num_frames, 64, 64, 3)
    assert frames.dtype == np.uint8
    assert frames.std() > 0


def test_real_time_streaming(shown) -> None:
    features, pipeline, latent_gen, _, prompt_embeds = shown
    sent = []
    for frame_idx in range(features.num_frames):
        # get latent for this frame
        latent = latent_gen.get_latent_at_frame(frame_idx, features)

        # get energy for adaptive blending
        energy = features.get_energy_at_frame(frame_idx)

        # generate with temporal coherence
        frame = pipeline.generate_frame_with_coherence(
            latent=latent,
            prompt_embeds=prompt_embeds[frame_idx : frame_idx + 1],
            music_energy=energy,
        )
        sent.append(frame)
    assert len(sent) == features.num_frames
    assert all(frame.shape == (64, 64, 3) for frame in sent)
    assert not np.array_equal(sent[0], sent[-1])
