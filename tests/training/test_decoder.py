"""The decoders that ship: where they start, when the critic speaks, that they draw worn latents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from phosphene.training import runtime  # noqa: E402
from phosphene.training.config import DecoderSettings  # noqa: E402
from phosphene.training.critique import Critique  # noqa: E402
from phosphene.training.nets.codec import Autoencoder, Decoder, LargeDecoder  # noqa: E402
from phosphene.training.train_decoder import DecoderStage, as_planes, between, load_decoder  # noqa: E402
from phosphene.training.wear import Worn  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture
def seen(codec: Autoencoder) -> Worn:
    """Eight pictures of smooth colours at 64 x 64, and latents that noise has worn."""
    rng = np.random.default_rng(0)
    rough = torch.from_numpy(rng.random((8, 3, 4, 4), np.float32))
    large = torch.nn.functional.interpolate(rough, (64, 64), mode="bilinear")
    small = torch.nn.functional.avg_pool2d(large, 2)
    clean = codec.encoder(small).numpy()
    pictures = (large.permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
    worn = clean + 0.3 * rng.standard_normal(clean.shape)
    return Worn(pictures, clean.astype(np.float16), worn.astype(np.float16))


def test_more_coarse_blocks_begin_as_the_decoder_that_was(codec: Autoencoder) -> None:
    deeper = Decoder(replace(codec.cfg, coarse_blocks=codec.cfg.coarse_blocks + 2))
    latent = torch.randn(2, 8, 5, 4)
    assert not torch.allclose(deeper(latent), codec.decoder(latent), atol=1e-3)
    deeper.start_from(codec.decoder)
    assert torch.allclose(deeper(latent), codec.decoder(latent), atol=1e-6)


def test_a_large_decoder_takes_the_trunk(codec: Autoencoder) -> None:
    large = LargeDecoder(replace(codec.cfg, coarse_blocks=codec.cfg.coarse_blocks + 1))
    large.start_from(codec.decoder)
    trunk = len(codec.decoder.net) - 2
    latent = torch.randn(1, 8, 4, 4)
    assert torch.allclose(
        large.net[: trunk + 1](latent), codec.decoder.net[:trunk](latent), atol=1e-6
    )
    assert large(latent).shape == (1, 3, 64, 64)


@pytest.mark.parametrize(("kind", "side"), [(Decoder, 32), (LargeDecoder, 64)])
def test_it_learns_to_draw_worn_latents(
    kind: type, side: int, seen: Worn, codec: Autoencoder, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    step = 64 // side
    own = replace(seen, pictures=seen.pictures[:, ::step, ::step])
    cfg = DecoderSettings(batch=4, crop=4, coarse_blocks=2, sharp=0.0, rate=4e-3, worn=1.0)
    stage = DecoderStage("any", kind, cfg, own, codec, CPU)
    before = stage.report(tmp_path / "a.png")
    for number in range(200):
        stage.step(number, number / 200)
    after = stage.report(tmp_path / "b.png")
    assert after["worn_psnr_db"] > before["worn_psnr_db"] + 0.3
    assert (tmp_path / "b.png").stat().st_size > 1000
    runtime.save(tmp_path / "any.pt", {"stage": stage.state()})
    drawn = load_decoder(tmp_path / "any.pt", kind, CPU)(torch.from_numpy(seen.worn).float())
    assert drawn.shape == as_planes(own.pictures).shape


def test_what_ships_lies_between_sharp_and_settled(seen: Worn, codec: Autoencoder) -> None:
    torch.manual_seed(0)
    own = replace(seen, pictures=seen.pictures[:, ::2, ::2])
    cfg = DecoderSettings(batch=2, crop=4, coarse_blocks=1, critic_width=8, sharp_from=0.1)
    stage = DecoderStage("any", Decoder, cfg, own, codec, CPU)
    assert "critic" in stage.step(0, 0.5)
    assert stage.state()["sharp"] == {}
    before = {name: value.clone() for name, value in stage.state()["average"].items()}
    for step in range(250, 255):
        assert "critic" not in stage.step(step, 0.95)
    state = stage.state()
    assert all(torch.equal(state["sharp"][name], before[name]) for name in before)
    shipped = between(state["sharp"], state["average"])
    name = "net.0.weight"
    assert not torch.equal(state["average"][name], before[name])
    wanted = 0.6 * state["sharp"][name] + 0.4 * state["average"][name]
    assert torch.allclose(shipped[name], wanted)
    assert between({}, state["average"]) is state["average"]
    again = DecoderStage("any", Decoder, cfg, own, codec, CPU)
    again.restore(state)
    assert torch.equal(again.state()["sharp"][name], before[name])


def test_crops_of_pictures_and_latents_are_of_one_place(seen: Worn, codec: Autoencoder) -> None:
    """Latents that tell their place, pictures that tell the same."""
    rows = np.arange(4, dtype=np.float16)
    latents = np.broadcast_to(rows[:, None], (8, 8, 4, 4)).copy()
    pictures = np.broadcast_to(
        (rows * 60).astype(np.uint8).repeat(16)[:, None, None], (8, 64, 64, 3)
    ).copy()
    own = replace(seen, pictures=pictures, clean=latents, worn=latents)
    cfg = DecoderSettings(batch=2, crop=2, coarse_blocks=1, worn=1.0)
    stage = DecoderStage("any", LargeDecoder, cfg, own, codec, CPU)
    for _ in range(8):
        latent, target = stage._crops()
        wanted = latent[:, :3].repeat_interleave(16, 2).repeat_interleave(16, 3) * 60 / 255
        assert torch.allclose(target, wanted, atol=1e-6)


def test_the_critic_is_heard_from_its_time_on() -> None:
    torch.manual_seed(0)
    critique = Critique(8, 0.5, 0.6, 1e-3, CPU)
    target = torch.rand(2, 3, 16, 16)

    def gradient(progress: float) -> torch.Tensor:
        output = (target + 0.1).requires_grad_()
        critique.backward((output - target).abs().mean(), output, target, progress)
        assert output.grad is not None
        return output.grad

    plain = gradient(0.1)
    assert torch.allclose(plain, torch.full_like(plain, 1 / plain.numel()))
    pulled = gradient(1.0) - plain
    # with the strength that was asked for
    assert float(pulled.norm() / plain.norm()) == pytest.approx(0.6, rel=1e-3)
    assert not critique.learn(target, target, 0.4, 1e-3)
    assert set(critique.learn(target, target, 0.46, 1e-3)) == {"critic"}
    assert not Critique(8, 0.0, 0.0, 1e-3, CPU).learn(target, target, 1.0, 1e-3)


def test_the_critic_learns_to_tell() -> None:
    torch.manual_seed(0)
    critique = Critique(8, 0.0, 1.0, 4e-3, CPU)
    losses = []
    for _ in range(40):
        sharp = (torch.rand(4, 3, 16, 16) > 0.5).float()
        soft = torch.nn.functional.avg_pool2d(sharp, 3, 1, 1)
        losses.append(float(critique.learn(sharp, soft, 1.0, 4e-3)["critic"]))
    assert losses[-1] < 0.5 * losses[0]
