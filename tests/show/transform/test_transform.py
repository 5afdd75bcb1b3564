"""Video in, video out: times, shape, colour, sound, batches, cuts, resume; real files, decoded again."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from phosphene.config import PipelineConfig, TimedPrompt
from phosphene.errors import InputError, OutputError
from phosphene.show.transform import TransformOptions, transform, transform_frames
from phosphene.show.transform.job import prepare
from phosphene.video.clip import probe
from tests.show.toy import Stopped, failing
from tests.show.transform.conftest import Drawer, drawer
from tests.video.footage import TICK, Look, even_times, scene, uneven_times, write_clip
from tests.video.media import pictures


def times_of(path: Path) -> list[Fraction]:
    """When each frame is shown, seconds."""
    with av.open(str(path)) as file:
        return [frame.pts * frame.time_base for frame in file.decode(video=0)]


def length_of(path: Path) -> float:
    with av.open(str(path)) as file:
        return file.duration / 1e6


def run(source: Path, config: PipelineConfig, out: str = "out.mp4", **options: object) -> Path:
    path = source.with_name(out)
    transform(source, path, config, TransformOptions(**options), base=drawer(config))
    return path


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_a_difficult_clip_comes_through_right(
    tmp_path: Path, config: PipelineConfig, suffix: str
) -> None:
    """Odd size, turned, uneven times, oblong pixels, BT.601 in full range, 5.1 sound, subtitles."""
    times = uneven_times(40)
    look = Look(
        (101, 67), "yuv444p", turn=(0, 1, -1, 0), sample_aspect=Fraction(4, 3),
        matrix=5, primaries=5, transfer=6, full_range=True,
    )  # fmt: skip
    source = write_clip(tmp_path / "in.mp4", times, look, sound=6, subtitles="mov_text")
    report = transform(source, tmp_path / f"out.{suffix}", config, base=drawer(config))
    assert report.frames == report.new_frames == report.drawn == 40
    assert any("even sides" in note for note in report.notes)
    out = probe(tmp_path / f"out.{suffix}")
    assert out.size == (68, 102)
    assert out.sample_aspect == Fraction(3, 4)
    colour = out.colour
    assert (colour.matrix, colour.primaries, colour.transfer, colour.full_range) == (5, 5, 6, True)
    shown = times_of(out.path)
    within = Fraction(1, 900) if suffix == "mkv" else Fraction(0)
    assert all(abs(a - shown[0] - b * TICK) <= within for a, b in zip(shown, times, strict=False))
    assert abs(length_of(out.path) - times[-1] / 600) < 0.03
    with av.open(str(out.path)) as file:
        assert [s.channels for s in file.streams.audio] == [6]
        assert len(file.streams.subtitles) == 1
        assert file.metadata["title"] == "a title"
        assert len(file.chapters()) == 2


def test_the_picture_is_the_inputs_own_where_nothing_is_drawn(
    tmp_path: Path, config: PipelineConfig
) -> None:
    """Strength 0: orientation, geometry and colours of the whole way, but for the coarse toy latents."""
    config.transform.strength = 0.0
    config.inference.width = config.inference.height = 128
    smooth = [np.round(f * 0.5 + 60).astype(np.uint8) for f in map(ramp, range(3))]
    look = Look((128, 96), turn=(0, 1, -1, 0), matrix=6, full_range=True)
    source = write_clip(tmp_path / "in.mp4", even_times(3), look, smooth)
    [first, *_] = pictures(run(source, config))
    expected = np.rot90(smooth[0], -1)
    assert first.shape == expected.shape
    assert np.abs(first.astype(int) - expected).mean() < 6
    assert np.abs(first.mean(axis=(0, 1)) - expected.mean(axis=(0, 1))).max() < 4


def ramp(index: int) -> np.ndarray:
    x, y = np.arange(128) / 128, np.arange(96)[:, None] / 96
    parts = np.broadcast_arrays(255 * x + 0 * y, 255 * y + 0 * x, 20 * index + 0 * x * y)
    return np.stack(parts, -1)


@pytest.mark.parametrize("skip", [1, 3])
def test_skipping_keeps_times_and_length(tmp_path: Path, config: PipelineConfig, skip: int) -> None:
    times = uneven_times(30)
    source = write_clip(tmp_path / "in.mp4", times, sound=2)
    out = run(source, config, skip=skip)
    assert times_of(out) == [t * TICK for t in times[: -1 : skip + 1]]
    assert abs(length_of(out) - times[-1] / 600) < 0.03


@pytest.mark.parametrize("fps", [10, 24, 60])
def test_another_rate_keeps_the_length(tmp_path: Path, config: PipelineConfig, fps: int) -> None:
    times = uneven_times(30)
    source = write_clip(tmp_path / "in.mp4", times, sound=2)
    # a picture that nothing moves is not drawn again
    options = TransformOptions(fps=fps, deaf=True)
    report = transform(source, tmp_path / "out.mp4", config, options, base=drawer(config))
    shown = times_of(tmp_path / "out.mp4")
    assert shown == [Fraction(k, fps) for k in range(len(shown))]
    assert abs(length_of(tmp_path / "out.mp4") - times[-1] / 600) <= 1 / fps
    assert report.drawn <= 30
    if fps == 60:
        assert report.drawn < report.frames  # a picture that stays is not drawn again


def test_a_stretch_begins_with_what_was_on_the_screen(
    tmp_path: Path, config: PipelineConfig
) -> None:
    source = write_clip(tmp_path / "in.mp4", [0, 300, 600, 900, 1200], sound=2)
    out = run(source, config, start=0.75, duration=0.5)
    assert times_of(out) == [0, Fraction(1, 4)]
    assert abs(length_of(out) - 0.5) < 0.03
    with pytest.raises(InputError, match="behind its end"):
        run(source, config, "late.mp4", start=5)


def test_size_follows_the_scale(tmp_path: Path, config: PipelineConfig) -> None:
    source = write_clip(tmp_path / "in.mp4", even_times(2), Look((96, 64)))
    assert probe(run(source, config, scale=2.5)).size == (240, 160)


@pytest.mark.parametrize("stabilize", [0.0, 0.5, 1.0])
def test_batches_change_nothing(tmp_path: Path, config: PipelineConfig, stabilize: float) -> None:
    source = write_clip(tmp_path / "in.mp4", uneven_times(23))
    config.transform.stabilize = stabilize
    made = []
    for batch in (1, 4, 7, 64):
        config.transform.batch = batch
        made.append(pictures(run(source, config, f"{batch}.mp4")))
    for other in made[1:]:
        np.testing.assert_array_equal(made[0], other)


def test_a_cut_leaves_nothing_behind(tmp_path: Path, config: PipelineConfig) -> None:
    """After a cut the second scene is drawn exactly as if it had stood alone."""
    config.transform.stabilize = 1.0
    config.video.limit_flashes = False
    one = [scene(i, (96, 64)) for i in range(8)]
    other = [255 - scene(2 * i, (96, 64))[::-1] for i in range(8)]
    both = write_clip(tmp_path / "both.mp4", even_times(16), frames=one + other)
    alone = write_clip(tmp_path / "alone.mp4", even_times(8), frames=other)
    reports = {}
    drawn = {}
    for source in (both, alone):
        out = source.with_suffix(".drawn.mp4")
        reports[source] = transform(source, out, config, base=drawer(config))
        drawn[source] = pictures(out)
    assert reports[both].cuts == 1
    assert reports[alone].cuts == 0
    # the sources are compressed, and not quite the same
    apart = np.abs(drawn[both][8:].astype(int) - drawn[alone]).mean(axis=(1, 2, 3))
    assert apart.max() < 2.5


def test_the_prompt_and_the_seed_and_the_timeline_count(
    tmp_path: Path, config: PipelineConfig
) -> None:
    source = write_clip(tmp_path / "in.mp4", even_times(50), frames=[scene(0, (96, 64))] * 50)
    config.transform.stabilize = 0.0
    config.prompt.transition_seconds = 0
    config.prompt.timeline = [{"at": 1.0, "prompt": "quite another"}]
    frames = pictures(run(source, config)).astype(int)
    jumps = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
    assert int(jumps.argmax()) == 24
    assert jumps[24] > 5 * np.median(jumps) + 1
    config.inference.seed = 5
    other = pictures(run(source, config, "seed.mp4")).astype(int)
    assert np.abs(other - frames).mean() > 1


def test_frames_come_as_a_generator_too(tmp_path: Path, config: PipelineConfig) -> None:
    source = write_clip(tmp_path / "in.mp4", even_times(20))
    frames = list(transform_frames(source, config, base=drawer(config)))
    assert [f.index for f in frames] == list(range(20))
    assert [round(f.time * 25) for f in frames] == list(range(20))
    assert all(f.image.dtype == np.uint8 and f.image.ndim == 3 for f in frames)
    out = pictures(run(source, config))
    # the file has them scaled to its own size
    for frame, kept in zip(frames, out, strict=True):
        assert np.abs(frame.image.mean(axis=(0, 1)) - kept.mean(axis=(0, 1))).max() < 6
    early = transform_frames(source, config, base=drawer(config))
    next(early)
    early.close()


def test_a_negative_prompt_is_asked(tmp_path: Path, config: PipelineConfig) -> None:
    source = write_clip(tmp_path / "in.mp4", even_times(3))
    plain = pictures(run(source, config, "plain.mp4"))
    config.prompt.negative_prompt = "something else entirely"
    base = drawer(config)
    job = prepare(source, config, TransformOptions(), base)
    assert job.config.stream.guidance_mode == "full"
    transform(source, tmp_path / "kept.mp4", config, base=base)
    assert "something else entirely" in base.prompts
    assert np.abs(pictures(tmp_path / "kept.mp4").astype(int) - plain).mean() > 0.5


def test_pictures_are_dressed_for_the_prompt_of_their_time(
    tmp_path: Path, config: PipelineConfig
) -> None:
    class Dyer(Drawer):
        def dress(self, frames, embeds, strength):
            assert strength == config.transform.strength
            bright = np.array_equal(embeds, self.encode_prompt("bright"))
            return np.full_like(frames, 220 if bright else 30)

    config.prompt.base_prompt, config.prompt.transition_seconds = "dark", 0.0
    config.prompt.timeline = [TimedPrompt(at=0.4, prompt="bright")]
    config.transform.detail, config.transform.strength, config.transform.stabilize = 0, 0.2, 0
    config.transform.batch = 4
    config.video.limit_flashes = False
    clip = write_clip(tmp_path / "in.mp4", even_times(20))
    base = Dyer(config.diffusion, config.inference.model_copy())
    means = [frame.image.mean() for frame in transform_frames(clip, config, base=base)]
    assert max(means[:10]) < min(means[10:]) - 60


def test_settings_of_the_caller_are_not_changed(tmp_path: Path, config: PipelineConfig) -> None:
    before, base = config.model_copy(deep=True), drawer(config)
    source = write_clip(tmp_path / "in.mp4", even_times(2), Look((160, 64)))
    transform(source, tmp_path / "out.mp4", config, base=base)
    assert config == before
    assert base.inference_config.width == before.inference.width


def test_it_never_writes_over_its_source(tmp_path: Path, config: PipelineConfig) -> None:
    source = write_clip(tmp_path / "in.mp4", even_times(2))
    content = source.read_bytes()
    (tmp_path / "link.mp4").symlink_to(source)
    for out in ("in.mp4", "link.mp4"):
        with pytest.raises(OutputError, match="read from"):
            run(source, config, out, overwrite=True)
    assert source.read_bytes() == content


def test_similar_pictures_are_not_drawn_again(tmp_path: Path, config: PipelineConfig) -> None:
    """The similarity filter on a video that stands still, then moves."""
    config.stream.enable_similarity_filter = True
    frames = [scene(0, (96, 64))] * 30 + [scene(3 * i, (96, 64)) for i in range(10)]
    source = write_clip(tmp_path / "in.mp4", even_times(40), frames=frames)
    report = transform(source, tmp_path / "out.mp4", config, base=drawer(config))
    assert report.frames == 40
    assert 10 <= report.drawn < 20
    made = pictures(tmp_path / "out.mp4")
    assert np.abs(np.diff(made[31:].astype(int), axis=0)).mean(axis=(1, 2, 3)).min() > 0


@pytest.mark.parametrize("cadence", [1, 4])
def test_interrupted_anywhere_and_resumed_is_bit_identical(
    tmp_path: Path, config: PipelineConfig, cadence: int
) -> None:
    config.stream.cadence = cadence
    config.stream.enable_similarity_filter = True
    config.transform.stabilize = 1.0
    times = uneven_times(60)
    still = [scene(max(0, i - 20), (96, 64)) for i in range(40)]
    frames = still + [255 - scene(i, (96, 64)) for i in range(20)]
    source = write_clip(tmp_path / "in.mp4", times, frames=frames, sound=2, subtitles="mov_text")
    options = {"fps": 30}
    whole = tmp_path / "whole.mp4"
    report = transform(source, whole, config, TransformOptions(**options), base=drawer(config))
    assert report.cuts == 1
    assert report.drawn < report.frames

    for share in (0.4, 0.6, 0.75, 0.95):
        after = round(share * report.drawn)
        base = failing(drawer(config), after)
        broken = tmp_path / f"broken{after}.mp4"
        with pytest.raises(Stopped):
            transform(source, broken, config, TransformOptions(**options), base=base)
        assert not broken.exists()
        with pytest.raises(OutputError, match="--resume"):
            run(source, config, broken.name, **options)
        # neither the batch nor the number of threads belongs to the picture
        config.transform.batch = 1 + after % 5
        goes_on = TransformOptions(**options, resume=True)
        resumed = transform(source, broken, config, goes_on, base=drawer(config))
        assert 0 < resumed.new_frames < resumed.frames == report.frames
        assert broken.read_bytes() == whole.read_bytes()
        assert not broken.with_name(broken.name + ".part").exists()


def test_other_settings_do_not_resume(tmp_path: Path, config: PipelineConfig) -> None:
    source = write_clip(tmp_path / "in.mp4", even_times(40))
    base = drawer(config)
    decode = Drawer.decode
    left = [20]

    def failing(latents, palettes=None):
        left[0] -= len(latents)
        if left[0] < 0:
            raise RuntimeError("stop")
        return decode(base, latents)

    base.decode = failing
    with pytest.raises(RuntimeError):
        transform(source, tmp_path / "out.mp4", config, base=base)
    config.inference.seed = 3
    with pytest.raises(OutputError, match="other settings"):
        run(source, config, resume=True)


def test_options_that_cannot_be(tmp_path: Path) -> None:
    wrong = [
        {"start": -1}, {"start": float("nan")}, {"duration": 0}, {"skip": -1}, {"fps": 0.5},
        {"fps": 24, "skip": 1}, {"scale": 0},
    ]  # fmt: skip
    for options in wrong:
        with pytest.raises(InputError):
            TransformOptions(**options)
