"""A user's own clips: videos in a folder, each with a text file of the same name that says what it shows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from phosphene.audio import AudioAnalyzer, AudioFeatures
from phosphene.audio.moment import frame_features
from phosphene.config import AudioConfig
from phosphene.errors import InputError, PhospheneError
from phosphene.show.mapping import saturate
from phosphene.training.clips import BRIGHTEST, FPS, LEAD, MEMORIES, Drawn, timeline
from phosphene.training.config import DataSettings
from phosphene.training.scenes.source import LUMA

SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".gif"}
PLACES = 256
"""in a palette"""


def find_videos(folder: Path) -> list[tuple[Path, str]]:
    """(video, caption) pairs; raises :class:`~phosphene.errors.InputError` if there are none."""
    if not folder.is_dir():
        raise InputError(
            f"there is no folder {folder}: name one with videos and their .txt captions."
        )
    found = []
    for path in sorted(folder.iterdir()):
        text = path.with_suffix(".txt")
        if path.suffix.lower() in SUFFIXES and text.exists():
            found.append((path, " ".join(text.read_text(encoding="utf-8").split())))
    if not found:
        raise InputError(f"{folder} has no video with a .txt caption beside it.")
    return found


def folder_clips(cfg: DataSettings, seed: int) -> Iterator[Drawn]:
    """Endless clips of the folder's videos, in random order."""
    rng = random.Random(seed)
    videos = find_videos(Path(cfg.folder))
    heard: dict[Path, AudioFeatures | None] = {}
    while True:
        path, caption = rng.choice(videos)
        if path not in heard:
            heard[path] = listen(path)
        yield cut_clips(cfg, path, caption, heard[path], rng)


def listen(path: Path) -> AudioFeatures | None:
    """What is heard in a video; None if it has no sound."""
    try:
        return AudioAnalyzer(AudioConfig(fps=FPS)).analyze(path)
    except PhospheneError:
        return None


def cut_clips(
    cfg: DataSettings, path: Path, caption: str, heard: AudioFeatures | None, rng: random.Random
) -> Drawn:
    """One stretch of a video as clips of one batch: the same times, other crops."""
    keep, age = timeline(cfg, rng)
    frames = read_frames(path, cfg.size)
    if len(frames) < cfg.frames:
        raise InputError(
            f"{path} has {len(frames)} frames at {FPS:g} a second: {cfg.frames} are needed."
        )
    first = rng.randrange(len(frames) - cfg.frames + 1) - LEAD
    index = [first + frame for frame in keep]
    # what lies before the video's beginning was never there
    age = age * torch.tensor([float(i >= 0) for i in index[:MEMORIES]])
    pictures = frames[[max(0, i) for i in index]]
    n = min(cfg.batch, 4)
    audio = torch.zeros(cfg.frames, 5)
    if heard is not None:
        audio = torch.tensor([controls(heard, i) for i in index[MEMORIES:]])
    still = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    fields = torch.from_numpy(fit_field(pictures))
    return Drawn(
        fields=torch.stack([crop(fields, cfg.size, rng) for _ in range(n)]),
        audio=audio.expand(n, -1, -1),
        age=age.expand(n, -1),
        moves=still.expand(n, -1),
        captions=(caption,) * n,
        motif=None,
    )


def fit_field(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Frames (t, h, w, 3) of a clip as fields (t, 2, h, w), for the palette that fits the clip best.

    Place is how bright a pixel is among all of the clip; the palette, the mean colour of every place; light,
    how much of its place's colour a pixel has (least squares).
    """
    rgb = pictures.reshape(-1, 3).astype(np.float32)
    brightness = rgb @ np.array(LUMA, np.float32)
    ordered = np.sort(brightness)
    ranks = (
        np.searchsorted(ordered, brightness, side="left"),
        np.searchsorted(ordered, brightness, side="right"),
    )
    # equal pixels share the middle of their ranks
    place = np.minimum((PLACES * (ranks[0] + ranks[1]) / 2 / len(rgb)).astype(np.intp), PLACES - 1)
    count = np.maximum(np.bincount(place, minlength=PLACES), 1)
    palette = np.stack(
        [np.bincount(place, weights=rgb[:, k], minlength=PLACES) / count for k in range(3)], axis=1
    )
    own = palette[place]
    light = (rgb * own).sum(axis=1) / np.maximum((own * own).sum(axis=1), 1.0)
    planes = np.stack([place, np.rint(np.clip(light / BRIGHTEST, 0, 1) * 255)], axis=-1)
    fields = planes.reshape(*pictures.shape[:3], 2).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(fields, np.uint8)


def controls(heard: AudioFeatures, frame: int) -> list[float]:
    """The audio vector of a frame, as a show sends it."""
    now = frame_features(heard, min(frame, heard.num_frames - 1))
    return [saturate(now.bass), saturate(now.mid), saturate(now.treble), now.onset, now.beat_phase]


def read_frames(path: Path, size: int, seconds: float = 60.0) -> npt.NDArray[np.uint8]:
    """(n, h, w, 3) at FPS, the shorter side `size` or a little more; at most `seconds` of it."""
    import av

    out = []
    try:
        with av.open(f"file:{path}") as video:
            stream = video.streams.video[0]
            due = 0.0
            for frame in video.decode(stream):
                time = frame.time or 0.0
                if time + 1e-3 < due:
                    continue
                due = max(due + 1 / FPS, time)
                scale = size / min(frame.width, frame.height)
                width, height = round(frame.width * scale), round(frame.height * scale)
                out.append(frame.to_ndarray(format="rgb24", width=width, height=height))
                if len(out) >= seconds * FPS:
                    break
    except (av.error.FFmpegError, IndexError) as error:
        raise InputError(f"cannot read {path} as a video.") from error
    return np.stack(out) if out else np.empty((0, size, size, 3), np.uint8)


def crop(fields: Tensor, size: int, rng: random.Random) -> Tensor:
    """A random square of fields (t, 2, h, w)."""
    h, w = fields.shape[-2:]
    y, x = rng.randint(0, h - size), rng.randint(0, w - size)
    return fields[..., y : y + size, x : x + size]
