"""The procedural renderer: deterministic, varied, and true to its captions."""

from __future__ import annotations

import random

import pytest

torch = pytest.importorskip("torch")

from phosphene.training.render import (  # noqa: E402
    FAMILIES,
    ClipBatch,
    random_audio,
    random_scene,
    recolour,
    render,
)
from phosphene.training.render.colour import gradient, oklab_to_srgb, srgb_to_oklab  # noqa: E402
from phosphene.training.render.words import colours  # noqa: E402


def batch(family: str, seed: int = 3, audio: torch.Tensor | None = None) -> ClipBatch:
    ones = torch.ones(1)
    lut = gradient(torch.tensor([[0.9, 0.2, 0.1], [0.1, 0.4, 0.9]]))
    if audio is None:
        audio = torch.tensor([0.3, 0.5, 0.2, 0.0, 0.5]).expand(1, 2, 5)
    return ClipBatch(family, lut[None], audio, ones, ones, ones, seed)


@pytest.fixture(scope="module")
def pictures() -> dict[str, torch.Tensor]:
    return {name: render(batch(name), 64)[0].float() for name in FAMILIES}


def test_at_least_30_families_that_differ(pictures: dict[str, torch.Tensor]) -> None:
    assert len(pictures) >= 30
    names = list(pictures)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            assert (pictures[a] - pictures[b]).abs().mean() > 4, (a, b)


@pytest.mark.parametrize("name", FAMILIES)
def test_pictures_have_contrast_and_move(name: str, pictures: dict[str, torch.Tensor]) -> None:
    first, second = pictures[name]
    assert first.std() > 12
    assert 0.02 < (first - second).abs().mean() < 60


def test_rendering_is_deterministic() -> None:
    same = render(batch("nebula"), 32)
    assert torch.equal(same, render(batch("nebula"), 32))
    assert not torch.equal(same, render(batch("nebula", seed=4), 32))


def test_onset_brightens_and_mid_speeds_up() -> None:
    quiet = torch.tensor([0.3, 0.1, 0.0, 0.0, 0.5]).expand(1, 3, 5)
    hit = quiet.clone()
    hit[:, :, 3] = 1.0
    fast = quiet.clone()
    fast[:, :, 1] = 1.0
    base = render(batch("plasma", audio=quiet), 64).float()
    assert render(batch("plasma", audio=hit), 64).float().mean() > base.mean() + 5
    quick = render(batch("plasma", audio=fast), 64).float()
    assert (quick[0, 2] - quick[0, 1]).abs().mean() > 2 * (base[0, 2] - base[0, 1]).abs().mean()


def test_palette_shows_its_colours() -> None:
    names, rgb, _ = colours()
    red, blue = rgb[names.index("crimson")], rgb[names.index("royal blue")]
    lut = gradient(torch.stack((red, blue)))
    for colour in (red, blue):
        assert (lut - colour).norm(dim=1).min() < 0.05
    assert lut[0].mean() < 0.2 < lut[-1].mean()


def test_oklab_round_trip() -> None:
    rgb = torch.rand(50, 3, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(oklab_to_srgb(srgb_to_oklab(rgb)), rgb, atol=1e-3)


def test_captions_name_family_and_colours() -> None:
    rng = random.Random(0)
    for family, entry in FAMILIES.items():
        assert len(entry.words) >= 6
        captions = [random_scene(rng, family).caption for _ in range(40)]
        named = sum(any(word in c for word in entry.words) for c in captions)
        assert named > 25  # a tenth name colours only
        assert len(set(captions)) > 30


def test_recolouring_keeps_shape_and_motion() -> None:
    rng = random.Random(1)
    scene = random_scene(rng, "spiral")
    twin = recolour(rng, scene)
    assert (twin.family, twin.speed, twin.scale) == (scene.family, scene.speed, scene.scale)
    assert not torch.equal(twin.lut, scene.lut)


def test_audio_is_in_range_and_sometimes_silent() -> None:
    audio = random_audio(torch.Generator().manual_seed(0), 200, 3)
    assert audio.shape == (200, 3, 5)
    assert audio.min() >= 0
    assert audio.max() <= 1
    silent = (audio.flatten(1).sum(1) == 0).float().mean()
    assert 0.08 < silent < 0.28
