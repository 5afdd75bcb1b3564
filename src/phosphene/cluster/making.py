"""An item on its way: where its segments are kept, what is still to draw, how they are joined."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from phosphene.audio import AudioFeatures
from phosphene.cluster.items import Item
from phosphene.cluster.orders import Order, Parcel, SongOrder, VideoOrder
from phosphene.errors import InputError, OutputError
from phosphene.show.drawing import Part, segment_ends
from phosphene.show.transform import TransformOptions
from phosphene.show.transform.job import scaled
from phosphene.show.transform.join import join
from phosphene.show.transform.read import Tempo
from phosphene.video.carry import Carried, decide
from phosphene.video.clip import Clip, probe
from phosphene.video.failures import plain_write_errors
from phosphene.video.files import content_mark
from phosphene.video.manifest import load_manifest
from phosphene.video.mux import Clock, Sound, Tags, assemble
from phosphene.video.project import PIECES, Project, make_own_folder, work_folder
from phosphene.video.spec import segment_frames
from phosphene.video.target import Target, check_target, clamp_fps


@dataclass(eq=False)
class Piece:
    """Segments that are drawn one after the other, and the finished ones of them."""

    making: Making
    project: Project
    part: Part
    """all of it, from its very beginning"""
    complete: bool = False
    """whether nothing is left to draw"""
    tries: int = 0
    """workers that died of it since it last got on"""

    def __post_init__(self) -> None:
        end = self.part.end
        # of a video it is not known before its last picture was read
        self.complete = end is not None and self.part.first + self.project.next_frame >= end

    @property
    def order(self) -> Order:
        """What is still to draw."""
        return self.making.order(self)

    def store(self, parcel: Parcel) -> None:
        """Keep a finished segment. Raises :class:`OutputError`."""
        path = self.project.next_path
        with plain_write_errors(path):
            path.write_bytes(parcel.video)
        self.project.add(parcel.frames, parcel.state)
        self.tries = 0


class Making(ABC):
    """One item between the moment its work folder is opened and the moment its video is there."""

    def __init__(self, item: Item, fingerprint: str, overwrite: bool) -> None:
        self.item = item
        self.fingerprint = fingerprint
        self.pieces: list[Piece] = []
        # what a driver that was killed had already joined is its own, and may be written again
        self.overwrite = overwrite or begun(item.out, fingerprint)
        self._may_replace = overwrite
        self._project: Project | None = None

    @property
    def frames(self) -> int:
        """finished so far"""
        return sum(piece.project.next_frame for piece in self.pieces)

    @property
    def segments(self) -> int:
        """finished so far"""
        return sum(len(piece.project.segments) for piece in self.pieces)

    @abstractmethod
    def prepare(self) -> None:
        """Check the target and open the work folder. Raises PhospheneError for what cannot be."""

    @abstractmethod
    def order(self, piece: Piece) -> Order:
        """What is still to draw of a piece."""

    @abstractmethod
    def join(self) -> None:
        """Make the video of the finished segments. Raises PhospheneError."""

    def remove(self) -> None:
        """Delete the work folder: the video is there."""
        for piece in self.pieces:
            piece.project.close()
        if self._project is not None:
            self._project.remove()

    def close(self) -> None:
        """Let go of the work folder; what is finished stays."""
        for piece in self.pieces:
            piece.project.close()
        if self._project is not None:
            self._project.close()

    def open(self) -> Project:
        """The work folder of the whole video."""
        self._project = self.open_project(self.item.out, self.fingerprint)
        return self._project

    def open_project(self, out: Path, fingerprint: str) -> Project:
        """A work folder, gone on with where it was begun."""
        try:
            return Project(out, fingerprint, resume=True)
        except OutputError:
            if not self._may_replace:
                raise
            return Project(out, fingerprint, overwrite=True)


class SongMaking(Making):
    """A song that was heard."""

    def __init__(
        self, item: Item, fingerprint: str, overwrite: bool, features: AudioFeatures
    ) -> None:
        super().__init__(item, fingerprint, overwrite)
        self._features = features
        self._sound = Sound.of(item.source, item.start, item.config.video.audio_bitrate)

    def prepare(self) -> None:
        """See :class:`Making`."""
        self.target = check_song_target(self.item, self.overwrite, self._features.duration)
        project = self.open()
        if self.item.warm_up is None:
            self.pieces.append(Piece(self, project, Part(end=self._features.num_frames)))
        else:
            self._cut_up(project, self.item.warm_up)

    def order(self, piece: Piece) -> SongOrder:
        """See :class:`Making`."""
        project, part = piece.project, piece.part
        rest = Part(part.first + project.next_frame, part.end, project.state, part.warm_up)
        return SongOrder(self._features, self.item.config, self.item.size, rest)

    def join(self) -> None:
        """See :class:`Making`."""
        assert self._project is not None
        item, config = self.item, self.item.config
        assemble(
            [path for piece in self.pieces for path in piece.project.paths],
            item.out,
            clock=Clock.even(self.target.rate, self._features.num_frames),
            sound=self._sound,
            tags=Tags(item.source.stem, f"phosphene: {config.prompt.base_prompt[:200]}"),
            work=self._project.folder,
            overwrite=self.overwrite,
        )

    def _cut_up(self, project: Project, warm_up: float) -> None:
        """One piece for each segment, begun ``warm_up`` seconds early."""
        folder = project.folder / PIECES
        with plain_write_errors(folder):
            make_own_folder(folder)
        rate = self.target.rate
        length = segment_frames(self.item.config.video, rate)
        ends = list(segment_ends(self._features.num_frames, length, lead=0))
        for first, end in zip([0, *ends], ends, strict=False):
            part = Part(first, end, warm_up=round(warm_up * rate))
            kept = self.open_project(folder / f"{first:08d}.mp4", self.fingerprint)
            self.pieces.append(Piece(self, kept, part))


class VideoMaking(Making):
    """A video that is drawn over."""

    def __init__(self, item: Item, fingerprint: str, overwrite: bool) -> None:
        super().__init__(item, fingerprint, overwrite)
        self._options = TransformOptions(
            start=item.start, duration=item.duration, scale=item.scale, overwrite=self.overwrite
        )

    def prepare(self) -> None:
        """See :class:`Making`."""
        item = self.item
        self._clip: Clip = probe(item.source)
        if self._clip.duration is not None and item.start >= self._clip.duration:
            raise InputError(
                f"{item.source} is {float(self._clip.duration):.1f} s long: a start at {item.start:g}"
                " lies behind its end."
            )
        tempo = Tempo.of(self._clip, self._options)
        self._target: Target = check_target(
            item.out,
            scaled(self._clip.size, item.scale),
            clamp_fps(tempo.rate),
            seconds=0,
            overwrite=self.overwrite,
        )
        self._carried: Carried = decide(item.source, item.out.suffix.lower())
        self.pieces.append(Piece(self, self.open(), Part()))

    def order(self, piece: Piece) -> VideoOrder:
        """See :class:`Making`."""
        item, project = self.item, piece.project
        return VideoOrder(
            source=item.source.resolve(),
            content=content_mark(item.source),
            config=item.config,
            options=self._options,
            first=project.next_frame,
            state=project.state,
        )

    def join(self) -> None:
        """See :class:`Making`."""
        assert self._project is not None
        video = self.item.config.video
        join(self._project, self._target, self._clip, self._options, video, self._carried)


def check_song_target(item: Item, overwrite: bool, seconds: float) -> Target:
    """Where a song's video goes; the model may still draw it in another size."""
    inference, fps = item.config.inference, item.config.audio.fps
    size = item.size or (inference.width, inference.height)
    return check_target(item.out, size, fps, seconds=seconds, overwrite=overwrite)


def begun(out: Path, fingerprint: str) -> bool:
    """Whether there is a work folder for just this."""
    try:
        found = load_manifest(work_folder(out) / "manifest.json")
    except OutputError:
        return False
    return found is not None and found.fingerprint == fingerprint
