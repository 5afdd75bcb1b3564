"""Matrices in 4 or 8 bits: made once, kept, loaded again; with what each of them lost.

Groups of neighbouring inputs share a scale and an offset (affine, as ``mlx.core.quantize``). Kernels of
3 x 3, embeddings, norms and biases stay in half precision.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import mlx.core as mx

from phosphene.diffusion.checkpoints.source import is_quantized, read_header
from phosphene.diffusion.mlx.report import VERSION, Loss, Report, read_report, write_report
from phosphene.diffusion.mlx.tree import QUANTIZED_WEIGHTS, Tree
from phosphene.diffusion.mlx.weights import lay_out
from phosphene.diffusion.notices import say_once
from phosphene.diffusion.runtimes import cache_folder
from phosphene.errors import ModelError, OutputError

GROUPS = (64, 32)
"""inputs that share a scale: the first of these that divides them all"""
TABLES = ("token_embedding", "position_embedding")
"""looked up, not multiplied with"""
PARTS = ("unet", "text_encoder", "text_encoder_2")
SMALL = (".json", ".txt", ".model")
"""files that come along: configs and tokenizers"""


def quantized(tree: Tree, asked: str) -> Tree:
    """The checkpoint with matrices as ``asked`` ("none", "4", "8"), from the user's cache or made now.

    Raises ModelError for a folder that is quantised otherwise, OutputError where nothing can be kept.
    """
    if is_quantized(tree.folder):
        bits = read_report(tree.folder).bits
        if asked not in ("none", str(bits)):
            raise ModelError(
                f"{tree.folder} holds {bits}-bit weights: drop --quantize {asked}, or give the model they"
                " were made from."
            )
        return tree
    if asked not in ("4", "8"):
        if asked != "none":
            say_once(f"quantize {asked} is off: MLX has 4 and 8 bits.")
        return tree
    folder = cache_folder() / "mlx" / f"{fingerprint(tree)}-{asked}bit"
    if not is_quantized(folder):
        try:
            write(tree, folder, int(asked))
        except OutputError:
            # another process may have been quicker
            if not is_quantized(folder):
                raise
        losses = [loss.error for loss in read_report(folder).losses]
        mean = sum(losses) / max(1, len(losses))
        say_once(
            f"quantised to {asked} bits, matrices are off by {100 * mean:.1f} % on average; kept in {folder}."
        )
    return Tree(folder, tree.tiny)


def fingerprint(tree: Tree) -> str:
    """Digest of which weight files a checkpoint has: their places, sizes and times."""
    told = [str(VERSION)]
    for part in _parts(tree):
        for file in tree.weights(part):
            about = file.resolve().stat()
            told.append(f"{file} {about.st_size} {about.st_mtime_ns}")
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:20]


def write(tree: Tree, folder: Path, bits: int) -> Report:
    """Quantise a checkpoint into a new ``folder``, all of it or nothing. Raises OutputError.

    The tiny autoencoder comes along, so that the folder is whole.
    """
    if folder.exists() and any(folder.iterdir()):
        raise OutputError(f"{folder} exists and is not empty: choose a new folder.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".quantize-") as made:
            report = _write(tree, Path(made) / "tree", bits)
            if folder.is_dir():
                folder.rmdir()
            (Path(made) / "tree").rename(folder)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}.") from error
    return report


def _write(tree: Tree, folder: Path, bits: int) -> Report:
    for file in tree.folder.rglob("*"):
        if file.suffix in SMALL and file.is_file():
            target = folder / file.relative_to(tree.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    shutil.copytree(tree.tiny, folder / _tiny_name(tree), dirs_exist_ok=True)
    losses: list[Loss] = []
    written = half = 0
    for part in _parts(tree):
        packed: dict[str, mx.array] = {}
        for name, array in _tensors(tree, part):
            half += 2 * array.size
            group = group_of(name, array)
            if group is None:
                packed[name] = array.astype(mx.float16)
            else:
                losses.append(_pack(packed, part, name, array, group, bits))
            # one at a time: the whole network in float32 need not fit into memory
            mx.eval(packed)
        mx.save_safetensors(str(folder / part / QUANTIZED_WEIGHTS), packed)
        written += (folder / part / QUANTIZED_WEIGHTS).stat().st_size
    report = Report(str(tree.folder), bits, written / 1e6, half / 1e6, tuple(losses))
    write_report(report, folder)
    return report


def group_of(name: str, array: mx.array) -> int | None:
    """How many inputs of a matrix share a scale; None for what stays as it is."""
    owner, _, kind = name.rpartition(".")
    if kind != "weight" or array.ndim != 2 or owner.rpartition(".")[2] in TABLES:
        return None
    return next((group for group in GROUPS if array.shape[1] % group == 0), None)


def _pack(
    packed: dict[str, mx.array], part: str, name: str, array: mx.array, group: int, bits: int
) -> Loss:
    """Add one matrix to ``packed``; what it lost."""
    exact = array.astype(mx.float32)
    weight, scales, biases = mx.quantize(exact, group, bits)
    scales, biases = scales.astype(mx.float16), biases.astype(mx.float16)
    owner = name.removesuffix("weight")
    packed |= {name: weight, f"{owner}scales": scales, f"{owner}biases": biases}
    back = mx.dequantize(weight, scales.astype(mx.float32), biases.astype(mx.float32), group, bits)
    error = mx.linalg.norm(back - exact) / mx.maximum(mx.linalg.norm(exact), 1e-12)
    return Loss(part, name, tuple(array.shape), group, float(error))


def _tensors(tree: Tree, part: str) -> Iterator[tuple[str, mx.array]]:
    for file in tree.weights(part):
        read_header(file)
        held = mx.load(str(file))
        assert isinstance(held, dict)
        for name in list(held):
            yield name, lay_out(held.pop(name))


def _parts(tree: Tree) -> list[str]:
    return [part for part in PARTS if (tree.folder / part).is_dir()]


def _tiny_name(tree: Tree) -> str:
    """The name that a tiny autoencoder is looked for by, beside a model's parts."""
    return "taesdxl" if "text_encoder_2" in _parts(tree) else "taesd"
