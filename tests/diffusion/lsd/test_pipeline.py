"""The built-in model as a whole: prompts to pictures, held shapes, exact colours, light on the beat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from phosphene.config import DiffusionConfig, InferenceConfig, PipelineConfig, StreamConfig
from phosphene.diffusion import StreamDiffusionPipeline
from phosphene.diffusion.lsd.pipeline import MENDED, LSDPipeline, faded
from phosphene.errors import ModelError
from phosphene.show.crossfade import decoded
from phosphene.show.display import Motion
from phosphene.stream.camera import STILL, CameraMove, warp
from phosphene.stream.conditioning import Context
from phosphene.stream.resize import resize


@pytest.fixture(scope="module")
def base() -> LSDPipeline:
    return LSDPipeline(DiffusionConfig(threads=1), InferenceConfig(width=256, height=256))


def suggested(base: LSDPipeline) -> StreamConfig:
    config = PipelineConfig()
    base.suggest(config)
    return config.stream


def streamed(
    base: LSDPipeline, text: str, frames: int, phases: bool = False, anchor: float | None = None
) -> np.ndarray:
    """(frames, h, w, 3) of a stream that is held as it is by default; or by ``anchor``, as a camera moves."""
    config = suggested(base)
    stream = StreamDiffusionPipeline(base, config)
    embeds, palette = base.encode_prompt(text), base.palettes([text])
    pictures = []
    for k in range(frames):
        phase = (k / 12) % 1 if phases else 0.6
        controls = np.array([[0.5, 0.5, 0.5, 0.0, phase]], np.float32)
        guide = base.recall(embeds, 1, motion=k / 24, controls=controls)
        key = stream.step(
            None,
            embeds,
            0.5,
            context=Context(controls=controls, palette=palette, guide=guide.recipe),
            anchor=guide.latent,
            anchor_weight=config.anchor if anchor is None or k == 0 else anchor,
            camera=STILL if anchor is None else CameraMove(zoom=1.015, rotate=0.01),
        )
        pictures.append(decoded(base, key))
    return np.stack(pictures)


def test_pictures_have_the_size_that_is_asked_for(base: LSDPipeline) -> None:
    wide = base.view(InferenceConfig(width=648, height=360))
    assert wide.get_latent_shape() == (1, 2, 64, 112)
    guide = wide.recall(wide.encode_prompt("emerald cells")).latent
    assert wide.decode(guide, wide.palettes(["emerald cells"])).shape == (1, 360, 648, 3)
    assert base.get_latent_shape() == (1, 2, 64, 64)


def test_a_prompts_colours_are_the_pictures(base: LSDPipeline) -> None:
    for text, high, low in (("#ff0000 cells", 0, 2), ("#0000ff cells", 2, 0), ("lime cells", 1, 2)):
        mean = streamed(base, text, 3)[-1].reshape(-1, 3).mean(0)
        assert mean[high] > mean[low] + 20, text


def test_a_held_stream_keeps_its_shape_contrast_and_sharpness(base: LSDPipeline) -> None:
    text = "black and white checkerboard"
    pictures = streamed(base, text, 60).astype(float).mean(-1)
    field = base.refine(*base.recall(base.encode_prompt(text), 1, motion=59 / 24))
    guide = base.paint(field, base.palettes([text]))[0].astype(float).mean(-1)
    assert np.corrcoef(pictures[-1].ravel(), guide.ravel())[0, 1] > 0.8
    assert pictures[-1].std() > 0.8 * guide.std()
    slopes = [np.abs(np.diff(each)).mean() for each in (pictures[-1], guide)]
    assert 0.75 * slopes[1] < slopes[0] < 1.25 * slopes[1]


def test_a_stream_that_nothing_holds_keeps_its_contrast(base: LSDPipeline) -> None:
    # what the camera blurs in every frame must be put right in every frame
    free = streamed(base, "teal marble", 240, anchor=0.0).astype(float).mean(-1).std((1, 2))
    assert 0.75 * free[:5].mean() < free[-24:].mean() < 1.25 * free[:5].mean()


def test_the_contrast_that_a_stream_began_with_is_put_right(base: LSDPipeline) -> None:
    random = np.random.default_rng(0)
    past, x = random.standard_normal((2, 2, 2, 64, 64)).astype(np.float32).clip(-1, 1)
    embeds, times = base.encode_prompt("gold cells"), np.full(1, 0.5, np.float32)
    told = Context(previous=past, held=np.array([0.0, 1.0], np.float32))
    first = np.stack([past, *np.zeros((3, *past.shape), np.float32)], axis=1)

    def drawn(first: np.ndarray, age: float) -> np.ndarray:
        ages = np.array([[age, 0, 0, 0]] * 2, np.float32)
        memory = told.told(Context(memory=first, memory_age=ages))
        return x - 0.5 * np.asarray(base.denoise(x, times, embeds, memory))

    strong, weak = (drawn(k * first, 90.0).std(axis=(2, 3)) for k in (4.0, 0.1))
    # what is remembered changes what the network draws, so only how far apart both are says what was mended
    assert (strong[0] > 1.05 * weak[0]).all()
    assert strong[1] == pytest.approx(weak[1], rel=0.1), "a guide holds the second"
    # and only so far a frame
    field = random.standard_normal((1, 2, 64, 64)).astype(np.float32)
    for aim, gain in ((3.0, MENDED), (0.2, 1 / MENDED), (1.02, 1.02)):
        mended = field + faded(field, aim * field)
        assert mended.std() == pytest.approx(gain * field.std(), rel=1e-3)
        assert mended.mean((2, 3)) == pytest.approx(field.mean((2, 3)), abs=1e-5)


def test_the_less_a_past_is_held_the_more_of_a_frame_is_the_networks(base: LSDPipeline) -> None:
    random = np.random.default_rng(0)
    latents, past = random.standard_normal((2, 1, 2, 64, 64)).astype(np.float32).clip(-1, 1)
    embeds, times = base.encode_prompt("gold cells"), np.full(1, 0.5, np.float32)

    def clean(held: float, rows: int = 1, source: np.ndarray | None = None) -> np.ndarray:
        told = Context(
            previous=np.repeat(past, rows, 0),
            held=np.array([held, 0.9][:rows], np.float32),
            source=source,
        )
        x = np.repeat(latents, rows, 0)
        return x - 0.5 * np.asarray(base.denoise(x, times, embeds, told))

    off = [np.abs(clean(held) - past).mean() for held in (1.0, 0.75, 0.5, 0.2, 0.0)]
    assert off[0] == pytest.approx(off[1], rel=1e-3)
    assert off[1:] == sorted(off[1:])
    assert off[-1] > 4 * off[0]
    # rows of one call are each held as they are
    both = clean(0.2, rows=2)
    np.testing.assert_allclose(both[:1], clean(0.2), atol=2e-3)
    np.testing.assert_allclose(both[1:], clean(0.9), atol=2e-3)
    # what follows an input picture is held by that
    np.testing.assert_array_equal(clean(0.0, source=past), clean(0.9, source=past))


def test_a_picture_from_nothing_keeps_its_plan_in_all_of_its_steps(base: LSDPipeline) -> None:
    random = np.random.default_rng(0)
    noise, other = random.standard_normal((2, 1, 2, 64, 64)).astype(np.float32)
    embeds = base.encode_prompt("gold mandala")

    def drawn(begun: np.ndarray | None, x: np.ndarray, t: float) -> np.ndarray:
        told = Context(noise=begun)
        return np.asarray(base.denoise(x, np.full(1, t, np.float32), embeds, told))

    # the noise that it began as says its plan, whatever is left of it now
    for t in (1.0, 0.5):
        first = drawn(noise, noise, t)
        np.testing.assert_array_equal(first, drawn(noise.copy(), noise, t))
        assert np.abs(drawn(other, noise, t) - first).mean() > 1e-3
        assert np.abs(drawn(None, noise, t) - first).mean() > 1e-3


def test_only_a_stream_without_a_past_is_told_what_it_began_as(base: LSDPipeline) -> None:
    seen: list[Context] = []
    view = base.view(base.inference_config)
    view.denoise = lambda *told: (seen.append(told[3]), base.denoise(*told))[1]  # type: ignore[method-assign]
    stream = StreamDiffusionPipeline(view, suggested(base))
    for _ in range(3):
        stream.step(None, base.encode_prompt("gold cells"), 0.5)
    assert [told.noise is not None for told in seen] == [told.previous is None for told in seen]
    births = [np.asarray(told.noise) for told in seen if told.noise is not None]
    assert len(births) > 1 and len(seen) > len(births)
    for each in births[1:]:
        np.testing.assert_array_equal(each, births[0])


def test_light_comes_with_the_beat(base: LSDPipeline) -> None:
    light = streamed(base, "emerald stained glass", 48, phases=True).astype(float).mean((1, 2, 3))
    beats = light[12:].reshape(3, 12).mean(0)
    assert beats[:3].mean() > 1.1 * beats[3:].mean()


def test_the_guide_goes_over_from_one_prompt_to_another(base: LSDPipeline) -> None:
    old, new = base.encode_prompt("fire"), base.encode_prompt("cells")
    ends = base.recall(old, 3).latent, base.recall(new, 4).latent
    half = base.recall(new, 4, before=(old, 3), share=0.5).latent
    off = [np.abs(half - end).max(axis=1) < 1e-6 for end in ends]
    # every place is of the one or of the other, but for a seam
    assert 0.2 < off[0].mean() < 0.6 and 0.2 < off[1].mean() < 0.6
    assert np.array_equal(base.recall(new, 4, before=(old, 3), share=0.0).latent, ends[0])


def recipe_and_guide(base: LSDPipeline, text: str) -> tuple[np.ndarray, np.ndarray]:
    told = base.encode_prompt(text), 5, CameraMove(1.1, 0.3, 0.02, 0.01, 0.02, 1.0), 7.5
    latent, recipe = base.recall(*told)
    return recipe, latent


@pytest.mark.parametrize("text", ["crimson mandala", "teal ocean waves", "cells of lightning"])
@pytest.mark.parametrize("size,by", [((256, 256), 2), ((1280, 720), 3), ((1920, 1080), 4)])
def test_a_picture_is_as_fine_as_its_guide_can_be_drawn(
    base: LSDPipeline, text: str, size: tuple[int, int], by: int
) -> None:
    view = base.view(InferenceConfig(width=size[0], height=size[1]))
    told, latent = recipe_and_guide(view, text)
    fine = view.refine(latent, told)
    height, width = latent.shape[-2:]
    assert fine.shape == (1, 2, by * height, by * width)
    # it is the guide: shrunk, it is the latent but for how thick its lines are
    means = fine.reshape(2, height, by, width, by).mean((2, 4))
    assert np.corrcoef(means.ravel(), latent[0].ravel())[0, 1] > 0.9
    # another process, which has drawn none of it, gets the same
    view._guide.cache_clear()
    assert np.array_equal(view.refine(latent, told), fine)
    # what is fine already stays so
    assert view.refine(fine, None) is fine
    plain, crisp = (
        view.paint(field, view.palettes([text]))[0].astype(float)
        for field in (view.refine(latent), fine)
    )
    assert np.abs(plain - crisp).mean() < 25, "the same picture"


def test_what_the_network_draws_of_its_own_is_seen(base: LSDPipeline) -> None:
    told, latent = recipe_and_guide(base, "emerald cells")
    other = recipe_and_guide(base, "fire")[1]
    own = latent.copy()
    own[..., :32] = other[..., :32]
    fine, guide = base.refine(own, told), base.refine(latent, told)
    assert np.abs(fine - guide)[..., 72:].max() < 1e-5, "its half is the guide's"
    sharpened = resize(base.refine(own), *fine.shape[-2:])
    off = np.abs(own - latent)[..., :30].max(axis=1) > 0.9
    there = np.repeat(np.repeat(off[0], 2, 0), 2, 1)
    assert there.sum() > 100
    assert np.abs(fine - sharpened)[0, :, :, :60][:, there].mean() < 0.05
    # and a shade that it adds everywhere is a shade
    shade = base.refine(np.clip(latent + 0.05, -1, 1), told) - guide
    assert 0.03 < shade.mean() < 0.06


def test_a_show_refines_and_a_camera_does_not(base: LSDPipeline) -> None:
    stream = StreamDiffusionPipeline(base, suggested(base))
    told, latent = recipe_and_guide(base, "emerald cells")
    given = {"context": Context(guide=told), "anchor": latent, "anchor_weight": 0.9}
    embeds = base.encode_prompt("emerald cells")
    key = stream.step(None, embeds, **given)
    assert np.array_equal(key.guide, told)
    again = StreamDiffusionPipeline(base, suggested(base))
    again.restore_state(stream.dump_state())
    assert np.array_equal(again.key.guide, told)
    image = np.full((256, 256, 3), 90, np.uint8)
    assert stream.step(None, embeds, image=image, **given).guide is None
    assert stream.step(None, embeds, **given | {"anchor_weight": 0.0}).guide is None


def test_a_prompt_says_what_it_is_taken_for(base: LSDPipeline) -> None:
    assert base.read("crimson mandala of fire").motif.label == "mandala of fire"
    assert base.read("(golden:1.3) marble tunnel").sure
    assert not base.read("my grandmother").sure


def test_weights_of_before_fields_are_refused(tmp_path: Path) -> None:
    (tmp_path / "denoiser.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match="older phosphene"):
        LSDPipeline(DiffusionConfig(model_id=str(tmp_path)), InferenceConfig())


@pytest.mark.parametrize("text", ["crimson mandala", "sunset hills", "stained glass"])
def test_a_guide_stands_as_it_is_said_to(base: LSDPipeline, text: str) -> None:
    embeds = base.encode_prompt(text)
    poses = (
        CameraMove(1.2, 0.1, 0.02, -0.03),
        CameraMove(1.3, 0.35, -0.04, 0.02),
    )
    before, after = (base.recall(embeds, 3, pose, 4.0).latent for pose in poses)
    stands = [Motion.of(base.stance(embeds, pose)) for pose in poses]
    way = stands[0].back.then(stands[1])
    middle = (slice(None), slice(None), slice(10, -10), slice(10, -10))

    def off(latent: np.ndarray) -> float:
        return float(np.abs(latent - after)[middle].mean())

    assert off(warp(before, way.move)) < 0.5 * off(before)
    assert off(warp(before, way.back.move)) > off(before)
