"""Shapes, initial state, conditioning, learning and export of tiny networks."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from phosphene.training.autoencoder import (  # noqa: E402
    Autoencoder,
    AutoencoderConfig,
    psnr,
    reconstruction_loss,
)
from phosphene.training.flow import FlowConfig, Pair, flow_loss, make_pair, sample  # noqa: E402
from phosphene.training.unet import UNet, UNetConfig, coordinates  # noqa: E402

TINY = UNetConfig(widths=(16, 24), blocks=(1, 1), condition=32, text=12, groups=4)
TINY_CODEC = AutoencoderConfig(
    encoder_fine=8,
    encoder_coarse=16,
    decoder_coarse=16,
    decoder_fine=8,
    coarse_blocks=1,
    fine_blocks=1,
)


def inputs(batch: int = 2, height: int = 8, width: int = 8) -> dict[str, torch.Tensor]:
    gen = torch.Generator().manual_seed(1)
    return {
        "latent": torch.randn(batch, 8, height, width, generator=gen),
        "timestep": torch.full((batch,), 0.6),
        "text": torch.randn(batch, 1, TINY.text, generator=gen),
        "previous": torch.randn(batch, 8, height, width, generator=gen),
        "has_previous": torch.ones(batch),
        "history_noise": torch.full((batch,), 0.1),
        "audio": torch.rand(batch, 5, generator=gen),
    }


@pytest.fixture
def awake() -> UNet:
    torch.manual_seed(0)
    net = UNet(TINY)
    for p in net.parameters():
        p.data.add_(0.1 * torch.randn_like(p))
    return net.eval().requires_grad_(False)


def test_untrained_net_is_the_best_linear_guess() -> None:
    net, x = UNet(TINY), inputs()
    t = x["timestep"][:, None, None, None]
    expected = x["latent"] * (2 * t - 1) / (t * t + (1 - t) ** 2)
    assert torch.allclose(net(**x), expected, atol=1e-6)


@pytest.mark.parametrize("size", [(8, 8), (12, 16), (16, 10), (6, 6)])
def test_any_even_size(awake: UNet, size: tuple[int, int]) -> None:
    assert awake(**inputs(2, *size)).shape == (2, 8, *size)


@pytest.mark.parametrize(
    "name", ["timestep", "text", "previous", "has_previous", "history_noise", "audio"]
)
def test_every_condition_matters(awake: UNet, name: str) -> None:
    x = inputs()
    changed = dict(x, **{name: x[name] * 0.5})
    assert (awake(**x) - awake(**changed)).abs().mean() > 1e-4


def test_absent_history_is_ignored(awake: UNet) -> None:
    x = inputs()
    x["has_previous"] = torch.zeros(2)
    changed = dict(x, previous=x["previous"] + 1, history_noise=x["history_noise"] + 0.2)
    assert torch.equal(awake(**x), awake(**changed))


def test_beat_phase_is_a_circle(awake: UNet) -> None:
    x = inputs()
    start, end = x["audio"].clone(), x["audio"].clone()
    start[:, 4], end[:, 4] = 0.0, 1.0
    assert torch.allclose(awake(**dict(x, audio=start)), awake(**dict(x, audio=end)), atol=1e-4)


def test_coordinates_span_the_picture() -> None:
    grid = coordinates(torch.zeros(2, 8, 4, 8))
    assert grid.shape == (2, 3, 4, 8)
    assert grid[0, 0, 0, 0] == -grid[0, 0, 0, -1] == -0.875


def test_pairs_follow_the_flow() -> None:
    torch.manual_seed(0)
    target = torch.randn(4000, 1, 1, 1)
    cfg = FlowConfig(no_previous=0.3, from_previous=0.0)
    pair = make_pair(
        cfg, target, torch.zeros_like(target), torch.ones(4000, 1, 1), torch.zeros(4000, 5)
    )
    assert pair.timestep.max() == 1
    assert pair.timestep.min() >= 0
    assert abs(pair.has_previous.mean() - 0.7) < 0.04
    assert pair.history_noise.max() <= 0.5
    assert ((pair.history_noise == 0) | (pair.has_previous > 0)).all()
    assert abs((pair.text == 0).float().mean() - 0.1) < 0.03
    noise = (
        pair.latent - (1 - pair.timestep[:, None, None, None]) * target
    ).flatten() / pair.timestep
    assert abs(noise.std() - 1) < 0.05


def test_streams_start_from_the_last_frame() -> None:
    torch.manual_seed(0)
    cfg = FlowConfig(no_previous=0.0, from_previous=1.0)
    last = torch.full((2000, 1, 1, 1), 3.0)
    pair = make_pair(cfg, -last, last, torch.ones(2000, 1, 1), torch.zeros(2000, 5))
    assert pair.timestep.min() >= 0.4
    assert torch.equal(pair.weight, pair.timestep)
    residual = pair.latent - (1 - pair.timestep[:, None, None, None]) * last
    assert abs((residual.flatten() / pair.timestep).std() - 1) < 0.05


def test_guidance_needs_a_prompt(awake: UNet) -> None:
    x = inputs()
    pair = Pair(
        **dict(x, text=torch.zeros_like(x["text"])), target=x["previous"], weight=torch.ones(2)
    )
    assert flow_loss(awake, pair, 0.5) == pytest.approx(float(flow_loss(awake, pair)), rel=1e-5)
    prompted = Pair(**x, target=x["previous"], weight=torch.ones(2))
    assert flow_loss(awake, prompted, 0.5) != pytest.approx(
        float(flow_loss(awake, prompted)), rel=1e-4
    )


def test_denoiser_learns_one_picture() -> None:
    torch.manual_seed(0)
    net = UNet(TINY)
    target = torch.randn(1, 8, 8, 8).expand(16, -1, -1, -1)
    text, audio = torch.zeros(16, 1, TINY.text), torch.zeros(16, 5)
    optim = torch.optim.AdamW(net.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        loss = flow_loss(net, make_pair(FlowConfig(), target, target, text, audio))
        optim.zero_grad()
        loss.backward()
        optim.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])
    assert sample(net, torch.randn(2, 8, 8, 8), text[:2], audio[:2], 4).shape == (2, 8, 8, 8)


def test_codec_shapes_and_learning() -> None:
    torch.manual_seed(0)
    model = Autoencoder(TINY_CODEC)
    target = torch.rand(4, 3, 4, 4).repeat_interleave(8, -1).repeat_interleave(8, -2)
    optim = torch.optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for _ in range(60):
        latent = model.encoder(target)
        loss = reconstruction_loss(model.decoder(latent), target)
        optim.zero_grad()
        loss.backward()
        optim.step()
        losses.append(loss.item())
    assert latent.shape == (4, 8, 4, 4)
    assert abs(latent.std() - 1) < 0.1  # the norm sets the scale
    assert losses[-1] < 0.6 * losses[0]
    assert psnr(target, target) > 90


def test_exports_agree_with_torch(awake: UNet, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from phosphene.training.export import (
        FrameDecoder,
        export_decoder,
        export_denoiser,
        export_encoder,
        parity,
    )

    torch.manual_seed(0)
    codec = Autoencoder(TINY_CODEC).eval()
    assert export_encoder(codec.encoder, tmp_path / "encoder.onnx") < 0.02  # float16 weights
    assert export_decoder(codec.decoder, tmp_path / "decoder.onnx") <= 2  # grey levels
    assert export_denoiser(awake, tmp_path / "denoiser.onnx") < 0.02
    # another size and batch than the one traced
    example = (torch.randn(3, 8, 4, 10),)
    assert parity(FrameDecoder(codec.decoder), example, ("latent",), tmp_path / "decoder.onnx") <= 2
