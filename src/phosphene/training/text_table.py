"""Bake the text table from WordLlama's wheel (`pip install wordllama`, MIT)."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt


def _source() -> tuple[list[str], npt.NDArray[np.float32]]:
    """Pieces and (n, 256) vectors as shipped in the wheel; nothing is downloaded."""
    from safetensors.numpy import load_file

    root = resources.files("wordllama")
    config = root.joinpath("tokenizers/l2_supercat_tokenizer_config.json").read_text(
        encoding="utf-8"
    )
    vocab: dict[str, int] = json.loads(config)["model"]["vocab"]
    with resources.as_file(root.joinpath("weights/l2_supercat_256.safetensors")) as path:
        (table,) = load_file(path).values()
    return sorted(vocab, key=vocab.__getitem__), table.astype(np.float32)


def _keep(piece: str) -> bool:
    """Lower-case letters and digits only: the encoder looks nothing else up."""
    body = piece.removeprefix("\u2581")
    return bool(body) and body.isalnum() and body == body.lower()


def principal(
    vectors: npt.NDArray[np.float32], basis_of: npt.NDArray[np.bool_], dim: int, whiten: float
) -> npt.NDArray[np.float32]:
    """Leading components after removing the mean; `whiten` 0 keeps variances, 1 makes them equal.

    The mean of static embeddings is shared by all words and says nothing (Mu and Viswanath 2018).
    """
    mean = vectors[basis_of].mean(axis=0)
    _, s, vt = np.linalg.svd(vectors[basis_of] - mean, full_matrices=False)
    gain = (s[0] / s[:dim]) ** whiten
    projected: npt.NDArray[np.float32] = ((vectors - mean) @ vt[:dim].T * gain).astype(np.float32)
    return projected


def bake(path: Path, dim: int = 128, whiten: float = 0.3) -> None:
    """Write pieces, int8 vectors (n, dim) and one scale per piece as a compressed .npz."""
    pieces, table = _source()
    kept = [i for i, piece in enumerate(pieces) if _keep(piece)]
    pieces = [pieces[i] for i in kept]
    whole = np.array([p.startswith("\u2581") and p[1:].isascii() and len(p) > 3 for p in pieces])
    vectors = principal(table[kept], whole, dim, whiten)
    vectors /= np.linalg.norm(vectors[whole], axis=1).mean()
    scale = np.abs(vectors).max(axis=1) / 127
    scale[scale == 0] = 1
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        pieces=np.frombuffer("\n".join(pieces).encode("utf-8"), np.uint8),
        vectors=np.round(vectors / scale[:, None]).astype(np.int8),
        scale=scale.astype(np.float16),
    )
