"""What went wrong while loading or drawing, in one sentence that says what to do."""

from __future__ import annotations

import gc
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from phosphene.diffusion.checkpoints.hub import patient
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
_OUT_OF_MEMORY = (
    "can't allocate memory",
    "MPS backend out of memory",
    "[METAL] Command buffer execution failed: Insufficient Memory",
    "[metal::malloc]",
    "[malloc] Unable to allocate",
)
_BROKEN = ("SafetensorError", "UnpicklingError", "JSONDecodeError")


def check_source(
    source: str, what: str, also: re.Pattern[str] = HUB_ID, allow_pickle: bool = False
) -> None:
    """Refuse what no loader could read. ``what`` is its name in the message.

    ``also`` is one more form of hub id. Raises ModelError for a path that does not exist, and for
    files that may be pickles unless they are allowed.
    """
    path = Path(source).expanduser()
    pickle = path.suffix in _PICKLES
    if (pickle and not allow_pickle) or (
        path.is_file() and not pickle and path.suffix != ".safetensors"
    ):
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
    """Turn any error met while loading ``what`` from ``source`` into a PhospheneError.

    After running out of memory, what was half loaded is let go first.
    """
    try:
        with nullcontext() if Path(source).expanduser().exists() else patient():
            yield
    except PhospheneError:
        raise
    except Exception as error:
        said = _explain(error, source, what)
        if not out_of_memory(error):
            raise said from error
        let_go(error)
    else:
        return
    raise said


@contextmanager
def drawing(size: tuple[int, int]) -> Iterator[None]:
    """Turn running out of memory into a ModelError that says so; ``size`` (width, height), pixels."""
    try:
        yield
        return
    except Exception as error:
        if not out_of_memory(error):
            raise
        let_go(error)
    raise ModelError(
        f"not enough memory to draw at {size[0]}x{size[1]}: choose a smaller size, fewer frames per call,"
        " dtype float16 or the tiny autoencoder."
    )


def out_of_memory(error: BaseException) -> bool:
    """Whether an error, or what it came from, is a lack of memory on any device."""
    for link in _chain(error):
        names = {kind.__name__ for kind in type(link).__mro__}
        if names & {"OutOfMemoryError", "MemoryError"}:
            return True
        # the cpu's allocator, mps and mlx have no class of their own
        if any(sign in str(link) for sign in _OUT_OF_MEMORY):
            return True
    return False


def let_go(error: BaseException) -> None:
    """Free what the frames of ``error`` still hold, and the device's cached blocks."""
    for link in _chain(error):
        traceback.clear_frames(link.__traceback__)
        link.__traceback__ = None
    free_memory()


def free_memory() -> None:
    """Give back what models that nobody holds any more have left on the GPU.

    On mps cached blocks count towards the high-water mark, above which nothing more is given out.
    """
    gc.collect()
    torch, mlx = sys.modules.get("torch"), sys.modules.get("mlx.core")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch is not None and torch.backends.mps.is_available():
        torch.mps.empty_cache()
    if mlx is not None:
        mlx.clear_cache()


def _explain(error: Exception, source: str, what: str) -> PhospheneError:
    if isinstance(error, ModuleNotFoundError):
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
    if "EntryNotFoundError" in names and not names & _OFFLINE:
        return ModelError(
            f"{what} {source} on the hub is not a whole model in diffusers' layout: give another id, or"
            " owner/name/file.safetensors if it is a LoRA."
        )
    if out_of_memory(error):
        return ModelError(
            f"not enough memory for {what} {source}: choose dtype float16 or another device."
        )
    if names & set(_BROKEN):
        return ModelError(f"a weights file of {what} {source} is broken: download it again.")
    if names & _OFFLINE:
        return ModelError(
            f"{what} {source} is not on this machine and the hub cannot be reached: go online once"
            f" ('phosphene models pull {source}'), or give the path of a local copy."
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
