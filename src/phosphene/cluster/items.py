"""What is to be made: one item for each song and video."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from glob import has_magic
from pathlib import Path
from typing import Literal

import phosphene
from phosphene.cluster.manifest import Entry, is_manifest, read_manifest
from phosphene.config import PipelineConfig
from phosphene.errors import InputError
from phosphene.show.transform.inputs import VIDEO_ENDINGS, is_side_file, matching
from phosphene.video.files import content_mark
from phosphene.video.spec import Size
from phosphene.video.target import EXTENSIONS

Kind = Literal["song", "video"]
SONG_ENDINGS = (
    *(".aac", ".ac3", ".aif", ".aiff", ".alac", ".amr", ".ape", ".au", ".caf", ".dsf", ".flac"),
    *(".m4a", ".m4b", ".mka", ".mp2", ".mp3", ".mpc", ".oga", ".ogg", ".opus", ".spx", ".tta"),
    *(".wav", ".weba", ".wma", ".wv"),
)
"""what is taken from a folder as a song; a file that is named may end in anything"""


@dataclass(frozen=True)
class Item:
    """One song or video, and the file to make of it."""

    source: Path
    out: Path
    kind: Kind
    """a song gets new pictures, a video is drawn over"""
    config: PipelineConfig
    start: float = 0.0
    """seconds in the source"""
    duration: float | None = None
    """seconds; ``None``: to the end"""
    size: Size | None = None
    """of a song's video; ``None``: the model's own"""
    scale: float = 1.0
    """of a video, in sizes of its source"""
    warm_up: float | None = None
    """seconds that a song's segments are begun early, each for itself; ``None``: each goes on from the
    one before"""

    def fingerprint(self) -> str:
        """Digest of everything that decides the picture. Raises :class:`InputError`."""
        try:
            content = content_mark(self.source)
        except OSError as error:
            raise InputError(f"{self.source} cannot be read ({error.strerror}).") from error
        told = asdict(replace(self, config=None))  # type: ignore[arg-type]  # it has its own dump
        told |= {"source": content, "out": self.out.suffix}
        settings = self.config.model_dump(mode="json", exclude={"diffusion": {"threads"}})
        text = json.dumps([phosphene.__version__, told, settings], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Catalogue:
    """How inputs become items."""

    folder: Path
    """where the videos go"""
    config: PipelineConfig
    size: Size | None = None
    warm_up: float | None = None

    def items(self, given: Sequence[str]) -> list[Item]:
        """Items of files, folders, patterns and manifests. Raises :class:`InputError`."""
        entries = [entry for text in given for entry in self._expand(text)]
        items = [self._item(entry) for entry in entries]
        outs = [item.out for item in items]
        clash = sorted({str(out) for out in outs if outs.count(out) > 1})
        if clash:
            raise InputError(
                f"two inputs would both become {clash[0]}: rename one, or name outputs in a manifest."
            )
        for item in items:
            if item.out.exists() and item.source.exists() and item.out.samefile(item.source):
                raise InputError(f"{item.out} would replace its own source: give another folder.")
        return items

    def _expand(self, text: str) -> Iterator[Entry]:
        path = Path(text)
        if path.is_dir():
            if self.folder.exists() and path.samefile(self.folder):
                raise InputError(f"{text} is where the videos go: give another folder with -o.")
            found = [p for p in sorted(path.iterdir()) if p.is_file() and _kind_of(p) is not None]
            if not found:
                raise InputError(f"the folder {text} has no song and no video in it.")
            yield from (Entry(input=p) for p in found)
        elif has_magic(text) and not path.exists():
            named = [path for path in matching(text) if not is_side_file(path)]
            if not any(p.is_file() for p in named):
                raise InputError(f"nothing is called {text}.")
            yield from (Entry(input=p) for p in named if p.is_file())
        elif is_manifest(path):
            yield from read_manifest(path)
        else:
            yield Entry(input=path)

    def _item(self, entry: Entry) -> Item:
        kind = entry.kind or _kind_of(entry.input) or "song"
        size = entry.picture_size or self.size
        if kind == "video" and entry.picture_size is not None:
            raise InputError(
                f"{entry.input}: a video keeps its size; give `scale` instead of `size`."
            )
        return Item(
            source=entry.input,
            out=self.folder / (entry.output or f"{entry.input.stem}.mp4"),
            kind=kind,
            config=PipelineConfig.from_dict(entry.nested(), base=self.config),
            start=entry.start,
            duration=entry.duration,
            size=size if kind == "song" else None,
            scale=entry.scale,
            warm_up=self.warm_up if kind == "song" else None,
        )


def _kind_of(path: Path) -> Kind | None:
    if is_side_file(path):
        return None
    ending = path.suffix.lower()
    if ending in SONG_ENDINGS:
        return "song"
    return "video" if ending in VIDEO_ENDINGS or ending in EXTENSIONS else None
