"""Stems are learned from a tiny autoencoder's own answers, kept, and found by its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from PIL import Image  # noqa: E402

from phosphene import cli  # noqa: E402
from phosphene.diffusion.sd import stems  # noqa: E402
from phosphene.errors import InputError, ModelError  # noqa: E402
from phosphene.training.config import StemSettings, plan  # noqa: E402
from phosphene.training.train_stems import (  # noqa: E402
    HELD,
    SIDE,
    StemsStage,
    drawn,
    gather,
    train_stems,
)
from tests.diffusion.conftest import offline  # noqa: E402, F401
from tests.diffusion.sd.tools import load, pictures, warnings  # noqa: E402
from tests.diffusion.sd.trees import make_tiny_vae, make_tree, tiny_autoencoder  # noqa: E402

pytestmark = pytest.mark.usefixtures("offline")

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOSPHENE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def full_size() -> Any:
    """TAESD's own sizes, random weights."""
    from diffusers import AutoencoderTiny

    torch.manual_seed(0)
    return AutoencoderTiny()


def operations(vae: Any, side: int = 64) -> dict[str, int]:
    """Multiplications with an addition of its convolutions, for one picture."""
    total, hooks = {"encoder": 0, "decoder": 0}, []

    def counted(part: str) -> Any:
        def count(layer: Any, _: Any, out: Any) -> None:
            total[part] += out.shape[2] * out.shape[3] * layer.weight.numel()

        return count

    for part in total:
        layers = [
            each for each in getattr(vae, part).modules() if isinstance(each, torch.nn.Conv2d)
        ]
        hooks += [each.register_forward_hook(counted(part)) for each in layers]
    with torch.no_grad():
        vae.decode(vae.encode(torch.zeros(1, 3, side, side)).latents)
    for hook in hooks:
        hook.remove()
    return total


def test_half_of_taesds_operations_are_left() -> None:
    vae = full_size()
    whole, made = operations(vae), stems.Stems.of(vae)
    assert sum(each.numel() for each in made.parameters()) == 161_612
    assert stems.fit(vae)
    stems.put_in(vae, made)
    half = operations(vae)
    assert sum(half.values()) < 0.56 * sum(whole.values())
    for part in whole:
        assert half[part] < 0.6 * whole[part]
    with torch.no_grad():
        assert vae.decode(torch.zeros(1, 4, 6, 5)).sample.shape == (1, 3, 48, 40)


def test_the_four_pieces_are_the_whole() -> None:
    vae = tiny_autoencoder()
    wide, deep, shallow, last = stems.split(vae)
    x, z = torch.rand(1, 3, 32, 48), torch.randn(1, 4, 4, 6)
    with torch.no_grad():
        assert wide(x).shape[2:] == (16, 24)
        torch.testing.assert_close(deep(wide(x)), vae.encode(2 * x - 1).latents)
        half = shallow(torch.tanh(z / 3) * 3)
        assert half.shape[2:] == (16, 24)
        torch.testing.assert_close(2 * last(half) - 1, vae.decode(z).sample)


def test_a_random_autoencoders_answers_are_learned(tmp_path: Path) -> None:
    """On our own pictures: a quarter of the error is left, and pictures that were held back show it, too."""
    torch.manual_seed(5)
    vae = tiny_autoencoder()
    before = {name: each.clone() for name, each in vae.state_dict().items()}
    shown = gather(StemSettings(pictures=24), 1)
    stage = StemsStage(StemSettings(batch=8, crop=32, rate=5e-3, average=0.9), vae, shown, CPU)
    untrained = stage.report(tmp_path / "before.png")
    figures = [stage.step(step, step / 200) for step in range(200)]
    for name in ("encoding", "decoding"):
        early, late = (
            float(torch.stack([each[name] for each in part]).mean())
            for part in (figures[:10], figures[-10:])
        )
        assert late < 0.25 * early
    trained = stage.report(tmp_path / "after.png")
    assert all(trained[name] > untrained[name] + 6 for name in untrained)
    assert Image.open(tmp_path / "after.png").size == (HELD * SIDE, 3 * SIDE)
    # the teacher stays as it was
    assert all(torch.equal(each, before[name]) for name, each in vae.state_dict().items())


def test_the_command_trains_goes_on_and_the_model_draws_with_it(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = make_tree(tmp_path / "model", tiny_vae=True)
    vae, run = str(tree / "taesd"), tmp_path / "run"
    plainly = load(tree, use_tiny_vae=True)
    told = ["train", "--stems", vae, "--out", str(run), "--plan", "tiny", "--device", "cpu"]
    assert cli.main(told) == 0
    said = capsys.readouterr().out
    (place,) = (cache / "stems").iterdir()
    assert f"kept in {place}." in said
    assert (run / "stems.json").is_file() and list((run / "sheets").glob("stems-*.png"))
    # finished: the same stems are written again
    before = place.read_bytes()
    place.unlink()
    assert cli.main(told) == 0
    assert place.read_bytes() == before
    halved = load(tree, use_tiny_vae=True)
    assert "unshuffle" in repr(halved._nets.vae.encoder).lower()
    off = load(tree, use_tiny_vae=True, tiny_vae_stems=False)
    frames = pictures(1)
    latents = plainly.encode_image(frames)
    assert torch.equal(off.encode_image(frames), latents)
    near = (halved.encode_image(frames) - latents).abs().mean()
    assert 0 < near < latents.std()
    assert halved.decode(latents).shape == (1, 64, 64, 3)
    assert (halved.decode(latents) != plainly.decode(latents)).any()
    # exported networks are those with stems
    exported = load(tree, use_tiny_vae=True, runtime="onnx")
    assert np.abs(exported.decode(latents).astype(int) - halved.decode(latents)).max() <= 1


def test_stems_belong_to_the_weights_they_were_learned_from(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(1)
    one, other = tiny_autoencoder(), tiny_autoencoder()
    assert stems.digest(one) != stems.digest(other)
    in_half = tiny_autoencoder()
    in_half.load_state_dict(one.state_dict())
    assert stems.digest(in_half.half()) == stems.digest(one)
    place = stems.save(stems.Stems.of(one), one, {"steps": "0"})
    assert not stems.use_trained(other)
    assert stems.use_trained(in_half)
    assert {each.dtype for each in in_half.parameters()} == {torch.float16}
    place.write_bytes(b"no weights")
    assert not stems.use_trained(one)
    assert [text.split(":")[0] for text in warnings(caplog)] == ["tiny_vae_stems is off"]


def test_pictures_of_your_own_are_learned_from_as_well(tmp_path: Path) -> None:
    assert len({picture.tobytes() for _, picture in zip(range(6), drawn(2), strict=False)}) == 6
    Image.new("RGB", (300, 500), (255, 0, 0)).save(tmp_path / "own.png")
    shown = gather(StemSettings(pictures=16, folder=str(tmp_path)), 0)
    assert shown.shape == (17, 3, SIDE, SIDE)
    assert torch.equal(gather(StemSettings(pictures=16, folder=str(tmp_path)), 0), shown)
    assert sum(int((each[0] == 255).all() and (each[1:] == 0).all()) for each in shown) == 1


@pytest.mark.parametrize(
    ("what", "kind", "sentence"),
    [
        ("none", ModelError, "there is no autoencoder at"),
        ("other", ModelError, "is not built as TAESD is"),
        ("folder", InputError, "holds no .png"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    what: str, kind: type[Exception], sentence: str, tmp_path: Path
) -> None:
    cfg, place = plan("tiny"), tmp_path / "vae"
    if what == "other":
        from diffusers import AutoencoderTiny

        three = {"num_encoder_blocks": (1, 1, 1), "num_decoder_blocks": (1, 1, 1),
                 "encoder_block_out_channels": (8, 8, 8),
                 "decoder_block_out_channels": (8, 8, 8)}  # fmt: skip
        AutoencoderTiny(**three).save_pretrained(place)
    elif what == "folder":
        make_tiny_vae(place)
        (tmp_path / "empty").mkdir()
        cfg.stems.folder = str(tmp_path / "empty")
    with pytest.raises(kind, match=sentence):
        train_stems(tmp_path / "run", cfg, str(place))
