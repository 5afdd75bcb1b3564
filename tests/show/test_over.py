"""A song's video may be painted over another's pictures: their structure, the song's sound and beat."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from phosphene.config import PipelineConfig, VideoConfig
from phosphene.errors import InputError
from phosphene.show import RenderOptions, render, render_frames
from phosphene.show.dream import dream_frames
from phosphene.show.sources.song import SongSource
from phosphene.show.sources.video import OverVideo
from tests.conftest import make_features
from tests.show.toy import Stopped, failing
from tests.show.transform.conftest import Drawer
from tests.video.media import make_song, pictures, sound_of


def small() -> PipelineConfig:
    config = PipelineConfig(video=VideoConfig(segment_seconds=0.5, crf=5))
    config.inference.width = config.inference.height = 64
    config.stream.strength = 0.4
    return config


def film(
    path: Path, frames: int = 30, fps: int = 24, size: tuple[int, int] = (128, 64)
) -> list[np.ndarray]:
    """A bright bar that goes from left to right, over black."""
    shown = []
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", fps, options={"crf": "5"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        for k in range(frames):
            image = np.zeros((size[1], size[0], 3), np.uint8)
            left = round(k * (size[0] - 32) / frames)
            image[:, left : left + 32] = 255
            shown.append(image)
            for packet in video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                out.mux(packet)
        for packet in video.encode(None):
            out.mux(packet)
    return shown


def base_of(config: PipelineConfig) -> Drawer:
    return Drawer(config.diffusion, config.inference.model_copy())


def follows(drawn: np.ndarray, shown: np.ndarray) -> float:
    """Correlation of brightness, 8 x 8 pixels at a time."""

    def coarse(image: np.ndarray) -> np.ndarray:
        grey = image.astype(float).mean(axis=-1)
        return grey.reshape(grey.shape[0] // 8, 8, -1, 8).mean(axis=(1, 3)).ravel()

    return float(np.corrcoef(coarse(drawn), coarse(shown))[0, 1])


def test_the_video_s_structure_and_the_song_s_sound(tmp_path):
    song, video, out = tmp_path / "song.wav", tmp_path / "film.mp4", tmp_path / "out.mp4"
    make_song(song, 44100, 2, 2.0)
    shown = film(video)
    config = small()
    report = render(song, out, config, RenderOptions(over=video), base=base_of(config))
    drawn = pictures(out)
    assert report.frames == len(drawn) == 48
    assert drawn.shape[1:3] == (64, 128)
    # a second and a quarter long: it begins anew in the middle of the song
    found = [follows(each, shown[k % 30]) for k, each in enumerate(drawn)]
    assert min(found) > 0.8
    wrong = [follows(each, shown[(k + 15) % 30]) for k, each in enumerate(drawn)]
    assert np.mean(wrong) < 0.3
    plain = render(song, tmp_path / "plain.mp4", small(), base=base_of(small()))
    assert plain.frames == 48
    np.testing.assert_array_equal(sound_of(out), sound_of(tmp_path / "plain.mp4"))


def test_an_interrupted_one_goes_on_to_the_very_same_pictures(tmp_path):
    song, video = tmp_path / "song.wav", tmp_path / "film.mp4"
    make_song(song, 44100, 1, 2.0)
    film(video)
    config = small()
    render(song, tmp_path / "whole.mp4", config, RenderOptions(over=video), base=base_of(config))
    base = failing(base_of(config), 31)
    out = tmp_path / "again.mp4"
    with pytest.raises(Stopped):
        render(song, out, config, RenderOptions(over=video), base=base)
    options = RenderOptions(over=video, resume=True)
    report = render(song, out, config, options, base=base_of(config))
    assert 0 < report.new_frames < 48
    np.testing.assert_array_equal(pictures(out), pictures(tmp_path / "whole.mp4"))


def test_another_shape_is_filled_and_frames_may_be_sought(tmp_path):
    video = tmp_path / "film.mp4"
    film(video, frames=10)
    source = OverVideo(SongSource(make_features(num_frames=40)), video, (32, 64))
    found = [source.at(frame).picture for frame in range(40)]
    assert all(each.shape == (64, 32, 3) for each in found)
    for frame in (25, 3, 39):
        source.seek(frame)
        np.testing.assert_array_equal(source.at(frame).picture, found[frame])


def test_what_is_no_video_is_refused_before_the_work(tmp_path):
    song = tmp_path / "song.wav"
    make_song(song, 44100, 1, 1.0)
    for over in (song, tmp_path / "nothing.mp4"):
        with pytest.raises(InputError):
            render(
                song, tmp_path / "out.mp4", small(), RenderOptions(over=over), base=base_of(small())
            )
    assert not (tmp_path / "out.mp4").exists()


def test_the_same_pictures_come_one_by_one_too(tmp_path):
    song, video = tmp_path / "song.wav", tmp_path / "film.mp4"
    make_song(song, 44100, 1, 1.0)
    film(video)
    for number, options in enumerate((RenderOptions(), RenderOptions(over=video))):
        config = small()
        config.video.crf = 0
        out = tmp_path / f"{number}.mp4"
        render(song, out, config, options, base=base_of(config))
        # lossless but for the way to yuv and back
        shown = np.stack(list(render_frames(song, config, options, base=base_of(config))))
        assert shown.shape == pictures(out).shape
        assert np.abs(shown.astype(int) - pictures(out)).mean() < 4
    frames = list(dream_frames(0.5, small(), base=base_of(small())))
    assert len(frames) == 12
    assert frames[0].shape == (64, 64, 3)
