"""Weights in 4 and 8 bits: what each matrix loses, what the picture loses, kept and found again."""

from __future__ import annotations

import shutil
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene import cli
from phosphene.diffusion.mlx import quantize
from phosphene.diffusion.mlx.layers import Layer, linear
from phosphene.diffusion.mlx.losses import quantize_model
from phosphene.diffusion.mlx.report import read_report
from phosphene.errors import ConfigError, ModelError, OutputError
from tests.diffusion.mlx.tools import FAMILIES, load, load_mlx, predict, relative
from tests.diffusion.sd.tools import warnings

pytestmark = pytest.mark.usefixtures("offline")

BOUNDS = {4: 0.2, 8: 0.012}
"""share of a matrix's norm that may change: half a step everywhere, of groups that span six deviations"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOSPHENE_CACHE", str(tmp_path))
    return tmp_path / "mlx"


@pytest.mark.parametrize("bits", [4, 8])
@settings(max_examples=15)
@given(st.integers(0, 99), st.sampled_from([32, 64, 96, 128]), st.integers(1, 40))
def test_a_packed_matrix_multiplies_like_the_one_it_came_from(bits, seed, inside, outside):
    rng = np.random.default_rng(seed)
    exact = mx.array(rng.normal(size=(outside, inside)).astype(np.float32))
    packed: dict[str, mx.array] = {"a.bias": mx.array(rng.normal(size=outside).astype(np.float32))}
    group = quantize.group_of("a.weight", exact)
    loss = quantize._pack(packed, "unet", "a.weight", exact, group, bits)
    assert 0 < loss.error < BOUNDS[bits]
    x = mx.array(rng.normal(size=(3, inside)).astype(np.float32))
    plain = linear(Layer({"a.weight": exact, "a.bias": packed["a.bias"]})["a"], x)
    got = linear(Layer(packed)["a"], x)
    # the sum's error, next to the size of what is summed
    scale = float(mx.linalg.norm(x)) * float(mx.linalg.norm(exact))
    assert float(mx.linalg.norm(got - plain)) < 1.5 * BOUNDS[bits] * scale


def test_what_stays_exact() -> None:
    matrix = mx.zeros((8, 64))
    assert quantize.group_of("to_q.weight", matrix) == 64
    assert quantize.group_of("to_q.weight", mx.zeros((8, 96))) == 32
    for name, array in (
        ("to_q.bias", mx.zeros(64)),
        ("to_q.weight", mx.zeros((8, 40))),
        ("conv1.weight", mx.zeros((8, 3, 3, 64))),
        ("embeddings.token_embedding.weight", matrix),
    ):
        assert quantize.group_of(name, array) is None


@pytest.mark.parametrize(("family", "bits"), [("eps", 4), ("eps", 8), ("xl", 4)])
def test_a_folder_draws_nearly_the_same(mlx_trees, tmp_path, family, bits) -> None:
    report = quantize_model(str(mlx_trees[family]), tmp_path / "made", bits)
    assert report.megabytes < report.half_megabytes
    assert {loss.part for loss in report.losses} >= {"unet", "text_encoder"}
    assert all(0 < loss.error < BOUNDS[bits] for loss in report.losses)
    assert read_report(tmp_path / "made") == report
    # the folder's mark is enough: auto finds the device
    base = load(tmp_path / "made", "auto")
    change = relative(predict(base), predict(load_mlx(mlx_trees[family])))
    assert 0 < change < {4: 0.15, 8: 0.02}[bits]
    assert report.picture is not None
    assert all(0 < loss < 0.15 for loss in report.picture.predictions.values())
    assert report.picture.psnr > 35


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_draws_nearly_as_on_torch(mlx_trees, cache, family) -> None:
    expected = predict(load(mlx_trees[family], "cpu"))
    for bits, most in (("4", 0.15), ("8", 0.02)):
        got = predict(load_mlx(mlx_trees[family], quantize=bits))
        assert 0 < relative(got, expected) < most


def test_quantize_keeps_what_it_made(mlx_trees, cache, caplog) -> None:
    tree = mlx_trees["eps"]
    before = sorted(tree.rglob("*"))
    first = predict(load_mlx(tree, quantize="4"))
    assert "quantised to 4 bits" in warnings(caplog)[0]
    [kept] = cache.iterdir()
    written = {path: path.stat().st_mtime_ns for path in kept.rglob("*")}
    np.testing.assert_allclose(predict(load_mlx(tree, quantize="4")), first, rtol=1e-5, atol=1e-5)
    assert {path: path.stat().st_mtime_ns for path in kept.rglob("*")} == written
    finer = predict(load_mlx(tree, quantize="8"))
    exact = predict(load_mlx(tree))
    assert relative(finer, exact) < relative(first, exact)
    # never into the user's own folder
    assert sorted(tree.rglob("*")) == before


def test_other_weights_are_quantised_anew(mlx_trees, tmp_path, cache) -> None:
    tree = shutil.copytree(mlx_trees["turbo"], tmp_path / "tree")
    load_mlx(tree, quantize="4")
    file = tree / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(
        (mlx_trees["turbo"] / "unet" / "diffusion_pytorch_model.safetensors").read_bytes()
    )
    load_mlx(tree, quantize="4")
    assert len(list(cache.iterdir())) == 2


def test_the_command_prints_the_table(mlx_trees, tmp_path, capsys) -> None:
    made = str(tmp_path / "q")
    told = ["models", "quantize", str(mlx_trees["turbo"]), "-o", made, "--bits", "8", "--layers"]
    assert cli.main(told) == 0
    out = capsys.readouterr().out
    assert "8 bits" in out and "dB" in out and f"--model {made}" in out
    rows = [line for line in out.splitlines() if " by 64 " in line or " by 32 " in line]
    assert len(rows) == len(read_report(Path(made)).losses)


def test_what_cannot_be(mlx_trees, tmp_path) -> None:
    made = tmp_path / "made"
    quantize_model(str(mlx_trees["turbo"]), made, 8)
    with pytest.raises(OutputError, match="not empty"):
        quantize_model(str(mlx_trees["turbo"]), made, 4)
    with pytest.raises(ModelError, match="quantised already"):
        quantize_model(str(made), tmp_path / "again", 4)
    with pytest.raises(ModelError, match="8-bit weights"):
        load_mlx(made, quantize="4")
    with pytest.raises(ConfigError, match="device mlx"):
        load(made, "cpu")
    (made / "mlx.json").write_text("{}")
    with pytest.raises(ModelError, match="quantise the model again"):
        load_mlx(made)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        quantize_model(str(mlx_trees["turbo"]), tmp_path / "file" / "in", 4)


def test_nothing_is_left_of_a_failed_one(mlx_trees, tmp_path) -> None:
    tree = shutil.copytree(mlx_trees["turbo"], tmp_path / "tree")
    file = tree / "text_encoder" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelError, match="broken"):
        quantize_model(str(tree), tmp_path / "out" / "made", 4)
    assert list((tmp_path / "out").iterdir()) == []
