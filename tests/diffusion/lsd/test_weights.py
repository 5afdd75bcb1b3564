"""The shipped networks: intact, small, and the same alone as in a batch."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import numpy.typing as npt
import pytest

from phosphene.diffusion.lsd.nets import WEIGHTS, LsdNets
from phosphene.diffusion.lsd.text import TextEncoder

AUDIO = np.array([[0.4, 0.5, 0.3, 0.0, 0.0]], np.float32)
T = np.float32(0.2)


@pytest.fixture(scope="module")
def nets() -> LsdNets:
    return LsdNets(threads=2)


def noise(batch: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((batch, 2, 64, 64)).astype(np.float32)


def advance(
    nets: LsdNets, last: npt.NDArray[np.float32], text: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """One stream frame: noise the last field, one step back with it in view."""
    b = len(last)
    x = (1 - T) * last + T * noise(b)
    v = nets.denoise(x, np.full(b, T, np.float32), text, last, audio=np.repeat(AUDIO, b, 0))
    return x - T * v


def test_files_match_the_manifest() -> None:
    manifest = json.loads((WEIGHTS / "manifest.json").read_text(encoding="utf-8"))
    total = 0
    for name, facts in manifest["files"].items():
        data = (WEIGHTS / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == facts["sha256"], name
        total += len(data)
    assert total < 25e6


def test_batch_does_not_change_a_stream(nets: LsdNets) -> None:
    encoder = TextEncoder()
    texts = ("emerald tunnel", "purple smoke", "orange cells")
    text = np.stack([encoder.encode(each) for each in texts])[:, None]
    last = np.tanh(noise(3))
    together = advance(nets, last, text)
    for i in range(3):
        alone = nets.denoise(
            (1 - T) * last[i : i + 1] + T * noise(3)[i : i + 1],
            np.full(1, T, np.float32),
            text[i : i + 1],
            last[i : i + 1],
            audio=AUDIO,
        )
        x = (1 - T) * last[i : i + 1] + T * noise(3)[i : i + 1]
        assert np.allclose(together[i], (x - T * alone)[0], atol=2e-3)


def test_the_sharpener_keeps_the_field(nets: LsdNets) -> None:
    y, x = np.mgrid[:64, :64].astype(np.float32) / 64
    field = np.stack([np.sin(6 * x + 4 * y), np.cos(5 * y)])[None].astype(np.float32) * 0.8
    fine = nets.sharpen(field)
    assert fine.shape == (1, 2, 256, 256)
    back = fine.reshape(1, 2, 64, 4, 64, 4).mean((3, 5))
    assert np.abs(back - field)[..., 4:-4, 4:-4].mean() < 0.08
