"""Prompts through umt5, kept on disk: a show of known prompts needs no text encoder at all.

The encoder (5.7 billion numbers for Wan) is read when the first unknown prompt comes, and let go afterwards.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from phosphene.diffusion.notices import say_once
from phosphene.diffusion.runtimes import cache_folder
from phosphene.diffusion.wan import weights
from phosphene.diffusion.wan.layout import Layout
from phosphene.errors import ModelError
from phosphene.prompt.weights import parse_weights

Embeds = npt.NDArray[np.float32]
TOKENS = 512
"""rows of an encoded prompt; those after its end are 0"""
TABLES = ("shared.weight", "embed_tokens.weight")
"""of umt5's words: a billion numbers of Wan's"""
XXL = {
    "d_model": 4096,
    "d_kv": 64,
    "d_ff": 10240,
    "num_layers": 24,
    "num_heads": 64,
    "vocab_size": 256384,
    "feed_forward_proj": "gated-gelu",
}
"""settings of umt5-xxl, for files in Wan's own layout, which bring none"""


class Prompts:
    """Encodes texts with the encoder of a layout, each once and for all.

    Args:
        bits: 16, or 8: its matrices are kept in 8 bits and computed with in 16.
        after: what becomes of the encoder when it has encoded what was asked: it is freed, offloaded to the
            processor's memory, or kept where it is.
    """

    def __init__(
        self, layout: Layout, width: int, device: torch.device, bits: int = 8, after: str = "free"
    ) -> None:
        self._layout, self._width, self._device = layout, width, device
        self._bits, self._after = bits, after
        self._encoder: Any = None
        self._tokenizer: Any = None
        # sessions share it
        self._lock = threading.Lock()
        self.encoded = 0
        """prompts that the encoder was needed for"""

    def encode(self, texts: Sequence[str]) -> Embeds:
        """(n, 512, width). Raises ModelError where an unknown prompt meets no encoder."""
        with self._lock:
            return self._encode(texts)

    def _encode(self, texts: Sequence[str]) -> Embeds:
        plain = [_unweighted(text) for text in texts]
        files = [self._file(text) for text in plain]
        missing = [i for i, file in enumerate(files) if not file.is_file()]
        rows = self._run([plain[i] for i in missing]) if missing else []
        for i, each in zip(missing, rows, strict=True):
            _write(files[i], each)
        out = np.zeros((len(texts), TOKENS, self._width), np.float32)
        for i, file in enumerate(files):
            known = _read(file)
            out[i, : len(known)] = known
        return out

    def _file(self, text: str) -> Path:
        """By hash; of the encoder only what a show without one knows as well."""
        told = json.dumps([text, self._width, self._bits])
        return cache_folder() / "umt5" / f"{hashlib.sha256(told.encode()).hexdigest()[:32]}.npy"

    def _run(self, texts: Sequence[str]) -> list[Embeds]:
        self._load(texts[0])
        self.encoded += len(texts)
        found = []
        for text in texts:
            ids = self._tokenizer(
                text,
                max_length=TOKENS,
                truncation=True,
                add_special_tokens=True,
                return_tensors="pt",
            )
            with torch.no_grad():
                states = self._encoder(**ids.to(self._device)).last_hidden_state
            found.append(states[0].float().cpu().numpy())
        if found and found[0].shape[-1] != self._width:
            raise ModelError(
                f"the text encoder {self._layout.text} is {found[0].shape[-1]} wide, and the model is told in"
                f" {self._width}: take the one it came with."
            )
        if self._after == "free":
            self._encoder = None
            # its modules hold each other
            gc.collect()
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
        elif self._after == "offload":
            self._encoder.to("cpu")
        return found

    def _load(self, text: str) -> None:
        layout = self._layout
        if self._encoder is not None:
            self._encoder.to(self._device)
            return
        if layout.text is None or layout.tokenizer is None:
            lost = "text encoder" if layout.text is None else "tokenizer"
            raise ModelError(
                f"the prompt '{text:.60}' was never encoded on this machine, and no {lost} lies beside"
                f" {layout.name}: put the folder of Wan2.1-T2V there."
            )
        from transformers import AutoTokenizer, UMT5Config, UMT5EncoderModel

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(str(layout.tokenizer))
            if layout.text.is_dir():
                config = UMT5Config.from_pretrained(str(layout.text))
                tensors = weights.read_folder(layout.text)
            else:
                config, tensors = UMT5Config(**XXL), weights.read(layout.text)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"the text encoder beside {layout.name} cannot be read: download it again."
            ) from error
        with torch.device("meta"):
            encoder = UMT5EncoderModel(config)
        told = weights.encoder_names(tensors)
        missing = sorted(set(encoder.state_dict()) - set(told))
        if missing:
            raise ModelError(
                f"{layout.text} is half a text encoder: {missing[0]} is missing; download it again."
            )
        # one by one: as a whole in more bits it would need several times the memory
        ready = shorten(encoder, told) if self._bits == 8 else {}
        for name in encoder.state_dict().keys() - ready.keys():
            # of the words' table a few rows are looked up, and become what the layers compute in
            ready[name] = told[name] if name.endswith(TABLES) else told[name].to(self._dtype)
        encoder.load_state_dict(ready, assign=True)
        self._encoder = encoder.eval().to(self._device)

    @property
    def _dtype(self) -> torch.dtype:
        return torch.float32 if self._device.type == "cpu" else torch.bfloat16


class ShortLinear(torch.nn.Module):
    """A matrix in 8 bits with one scale a row, multiplied in the input's format."""

    weight: torch.Tensor
    scale: torch.Tensor

    def __init__(self, outputs: int, inputs: int) -> None:
        super().__init__()
        empty = torch.empty((outputs, inputs), dtype=torch.int8, device="meta")
        self.register_buffer("weight", empty)
        self.register_buffer("scale", torch.empty((outputs, 1), device="meta"))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.weight.to(x.dtype)
        return (x @ weight.T) * self.scale[:, 0].to(x.dtype)


def shorten(net: torch.nn.Module, tensors: weights.Tensors) -> weights.Tensors:
    """Give an empty network matrices of 8 bits; they, made from ``tensors``. umt5's have no biases."""
    ready: weights.Tensors = {}
    for place, module in list(net.named_modules()):
        for name, child in list(module.named_children()):
            if not isinstance(child, torch.nn.Linear) or child.bias is not None:
                continue
            setattr(module, name, ShortLinear(*child.weight.shape))
            own = f"{place}.{name}"
            whole = tensors[f"{own}.weight"].float()
            scale = whole.abs().amax(1, keepdim=True).clamp(min=1e-12) / 127.0
            ready |= {
                f"{own}.weight": (whole / scale).round().to(torch.int8),
                f"{own}.scale": scale,
            }
    return ready


def _unweighted(text: str) -> str:
    pieces = parse_weights(text)
    if any(weight != 1.0 for _, weight in pieces):
        say_once("weights in prompts are off: Wan's text encoder takes words as they are.")
    return " ".join("".join(piece for piece, _ in pieces).split())


def _write(file: Path, rows: Embeds) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(f".{os.getpid()}.new")
    with new.open("wb") as out:
        np.save(out, rows)
    new.replace(file)


def _read(file: Path) -> Embeds:
    try:
        rows: Embeds = np.load(file, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ModelError(f"{file} is broken: remove it, and the prompt is encoded anew.") from error
    return rows
