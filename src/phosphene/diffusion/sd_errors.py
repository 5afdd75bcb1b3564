"""What went wrong while loading, in one sentence that says what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from phosphene.diffusion.notices import first_line
from phosphene.errors import MissingExtraError, ModelError, PhospheneError

HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
"""``owner/name``"""
HUB_FILE = re.compile(r"\w[\w.-]*/\w[\w.-]*/.+\.safetensors")
"""``owner/name/file.safetensors``"""

_PICKLES = {".ckpt", ".pt", ".pth", ".bin"}
_OFFLINE = {
    "LocalEntryNotFoundError",
    "OfflineModeIsEnabled",
    "ConnectionError",
    "ConnectError",
    "ConnectTimeout",
    "ReadTimeout",
}


def check_source(source: str, what: str, also: re.Pattern[str] = HUB_ID) -> None:
    """Refuse what no loader could read. ``what`` is its name in the message.

    ``also`` is one more form of hub id. Raises ModelError for a path that does not exist, and for
    files that may be pickles.
    """
    path = Path(source).expanduser()
    if path.suffix in _PICKLES or (path.is_file() and path.suffix != ".safetensors"):
        raise ModelError(
            f"{what} {source} is not a .safetensors file, and other formats could run any program"
            " while they load: use its .safetensors version."
        )
    on_hub = HUB_ID.fullmatch(source) and path.suffix != ".safetensors"
    if not (path.exists() or on_hub or also.fullmatch(source)):
        raise ModelError(
            f"there is no {what} at {source}: give an existing folder or .safetensors file,"
            " or a hub id such as owner/name."
        )


@contextmanager
def explained(source: str, what: str) -> Iterator[None]:
    """Turn any error met while loading ``what`` from ``source`` into a PhospheneError."""
    try:
        yield
    except PhospheneError:
        raise
    except Exception as error:
        raise _explain(error, source, what) from error


def _explain(error: Exception, source: str, what: str) -> PhospheneError:
    if isinstance(error, ImportError):
        return MissingExtraError("Stable Diffusion", "torch")
    names = {kind.__name__ for link in _chain(error) for kind in type(link).__mro__}
    if "GatedRepoError" in names:
        repo = "/".join(source.split("/")[:2])
        return ModelError(
            f"{what} {source} is gated: accept its terms on huggingface.co/{repo}, log in with"
            " 'hf auth login', and try again."
        )
    if "RepositoryNotFoundError" in names:
        return ModelError(
            f"there is no public {what} {source} on the hub: check the id, or log in with"
            " 'hf auth login' if it is private."
        )
    if names & {"OutOfMemoryError", "MemoryError"}:
        return ModelError(
            f"not enough memory for {what} {source}: choose dtype float16 or another device."
        )
    if "SafetensorError" in names:
        return ModelError(f"a weights file of {what} {source} is broken: download it again.")
    if names & _OFFLINE:
        return ModelError(
            f"{what} {source} is not on this machine and the hub cannot be reached: go online once,"
            " or give the path of a local copy."
        )
    return ModelError(f"cannot load {what} {source}: {first_line(error)}.")


def _chain(error: BaseException) -> list[BaseException]:
    """``error`` and everything it came from; libraries wrap the real reason."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    return links
