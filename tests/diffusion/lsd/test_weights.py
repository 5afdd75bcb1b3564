"""The shipped model: intact, fast to load, obeys prompts, and keeps its contrast for a long time."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import numpy.typing as npt
import pytest

from phosphene.diffusion.lsd.nets import WEIGHTS, LsdNets
from phosphene.diffusion.lsd.remembered import Remembered
from phosphene.diffusion.lsd.seeds import SeedBank
from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.diffusion.lsd.tints import Tints
from phosphene.stream.camera import STILL

AUDIO = np.array([[0.4, 0.5, 0.3, 0.0, 0.0]], np.float32)
STREAM_T = np.float32(0.7)


@pytest.fixture(scope="module")
def nets() -> LsdNets:
    return LsdNets(threads=2)


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder()


def noise(batch: int, seed: int = 0, side: int = 32) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((batch, 8, side, side)).astype(np.float32)


def start(
    nets: LsdNets, eps: npt.NDArray[np.float32], text: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Four Euler steps from noise."""
    x, b = eps, len(eps)
    for now, after in ((1.0, 0.75), (0.75, 0.5), (0.5, 0.25), (0.25, 0.0)):
        v = nets.denoise(x, np.full(b, now, np.float32), text, audio=np.repeat(AUDIO, b, 0))
        x = x + np.float32(after - now) * v
    return x


def advance(
    nets: LsdNets,
    last: npt.NDArray[np.float32],
    eps: npt.NDArray[np.float32],
    text: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """One stream frame: noise the last latent, one step back with it in view."""
    x = (1 - STREAM_T) * last + STREAM_T * eps
    t = np.full(len(x), STREAM_T, np.float32)
    v = nets.denoise(x, t, text, previous=last, audio=np.repeat(AUDIO, len(x), 0))
    return x - STREAM_T * v


def prompt(encoder: TextEncoder, *texts: str) -> npt.NDArray[np.float32]:
    return np.stack([encoder.encode(t) for t in texts])[:, None]


def test_files_match_the_manifest() -> None:
    manifest = json.loads((WEIGHTS / "manifest.json").read_text(encoding="utf-8"))
    total = 0
    for name, facts in manifest["files"].items():
        data = (WEIGHTS / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == facts["sha256"], name
        total += len(data)
    assert total < 25e6


def test_codec_keeps_a_picture_and_any_size(nets: LsdNets) -> None:
    ramp = np.linspace(20, 230, 64).astype(np.uint8)
    frames = np.stack(np.broadcast_arrays(ramp[None, :], ramp[:, None], 128), -1)[None].astype(
        np.uint8
    )
    latents = nets.encode(np.repeat(frames, 2, axis=1))
    assert latents.shape == (1, 8, 16, 8)
    back = nets.decode(latents)
    assert back.shape == (1, 128, 64, 3)
    assert np.abs(back.astype(int) - np.repeat(frames, 2, axis=1)).mean() < 20


def test_flat_colours_show_little_of_the_decoders_lattice(nets: LsdNets) -> None:
    """What repeats every 8 pixels, where the picture has nothing: grey levels."""
    left = []
    for colour in ((140, 30, 220), (40, 190, 170), (230, 90, 40), (20, 20, 60)):
        flat = np.broadcast_to(np.array(colour, np.uint8), (1, 128, 128, 3))
        inside = nets.decode(nets.encode(flat))[0, 16:-16, 16:-16].astype(float)
        repeated = inside.reshape(12, 8, 12, 8, 3).mean(axis=(0, 2))
        left.append(repeated.std(axis=(0, 1)).mean())
    assert np.mean(left) < 0.9


def test_prompts_steer_colour(nets: LsdNets, encoder: TextEncoder) -> None:
    text = prompt(encoder, "crimson red", "deep blue", "bright green", "black and white")
    eps = noise(3)
    means = []
    for vector in text:
        last = start(nets, eps, np.repeat(vector[None], 3, 0))
        last = advance(nets, last, eps, np.repeat(vector[None], 3, 0))
        means.append(nets.decode(last).reshape(-1, 3).astype(float).mean(0))
    red, blue, green, grey = means
    assert red[0] > blue[0] + 15
    assert blue[2] > red[2] + 15
    assert green[1] > (green[0] + green[2]) / 2 + 15
    assert np.ptp(grey) < 0.6 * min(np.ptp(red), np.ptp(blue), np.ptp(green))


def test_a_running_stream_follows_a_new_prompt(nets: LsdNets, encoder: TextEncoder) -> None:
    red, blue = (prompt(encoder, p) for p in ("red flames", "blue ocean waves"))
    eps = noise(1)
    last = start(nets, eps, red)
    for _ in range(5):
        last = advance(nets, last, eps, red)
    before = nets.decode(last).reshape(-1, 3).astype(float).mean(0)
    for _ in range(20):
        last = advance(nets, last, eps, blue)
    after = nets.decode(last).reshape(-1, 3).astype(float).mean(0)
    assert after[2] - after[0] > before[2] - before[0] + 15


def test_sixty_self_fed_frames_keep_contrast(nets: LsdNets, encoder: TextEncoder) -> None:
    text = prompt(
        encoder, "crimson red nebula", "neon spiral", "golden hexagons", "ocean waves, blue"
    )
    eps = noise(4)
    last = start(nets, eps, text)
    contrast = []
    for _ in range(60):
        last = advance(nets, last, eps, text)
        contrast.append(nets.decode(last).astype(float).std(axis=(1, 2)).mean(1))
    early, late = np.mean(contrast[:5], 0), np.mean(contrast[-5:], 0)
    assert (late > 12).all()
    assert late.mean() > 0.6 * early.mean()
    assert np.abs(last).max() < 10


def test_a_held_stream_keeps_its_shape(nets: LsdNets, encoder: TextEncoder) -> None:
    text = prompt(encoder, "neon spiral, pink and cyan", "black and white checkerboard")
    bank = SeedBank()
    remembered = Remembered(bank, Tints(encoder.encode, bank.colours), nets.encode)
    anchor = np.concatenate([remembered(vector[0], 0, STILL, 0.0, 32, 32) for vector in text])
    eps, last = noise(2), anchor
    for _ in range(60):
        last = advance(nets, 0.85 * last + 0.15 * anchor, eps, text)
    grey = [nets.decode(x).astype(float).mean(-1).reshape(2, -1) for x in (anchor, last)]
    for before, after in zip(*grey, strict=True):
        assert np.corrcoef(before, after)[0, 1] > 0.6


def test_batch_does_not_change_a_stream(nets: LsdNets, encoder: TextEncoder) -> None:
    text = prompt(encoder, "emerald tunnel", "purple smoke", "orange cells")
    eps = noise(3)
    together = advance(nets, eps, eps[::-1], text)
    for i in range(3):
        alone = advance(nets, eps[i : i + 1], eps[::-1][i : i + 1], text[i : i + 1])
        assert np.allclose(together[i], alone[0], atol=2e-3)


def test_sound_changes_the_picture(nets: LsdNets, encoder: TextEncoder) -> None:
    text, eps = prompt(encoder, "plasma"), noise(1)
    last = advance(nets, start(nets, eps, text), eps, text)
    x, t = 0.3 * last + 0.7 * eps, np.array([0.7], np.float32)
    quiet = nets.denoise(x, t, text, previous=last, audio=np.zeros((1, 5)))
    hit = nets.denoise(x, t, text, previous=last, audio=np.array([[0.9, 0.5, 0.2, 1.0, 0.0]]))
    brightness = [nets.decode(x - 0.7 * v).mean() for v in (quiet, hit)]
    assert brightness[1] > brightness[0] + 2
