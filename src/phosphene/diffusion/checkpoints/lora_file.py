"""What a LoRA's file adds to each weight, whatever its format: every key is used, named or refused.

Formulas: LoRA (Hu 2021), its kernels in Tucker form and LoHa, LoKr, full differences and norms (LyCORIS,
Yeh 2023; ``lycoris/modules``), DoRA (Liu 2024, eq. 5). A change is linear in its scale, DoRA's too, as
other players have it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.diffusion.checkpoints.lora_names import Places
from phosphene.diffusion.checkpoints.source import read_metadata, read_tensors
from phosphene.diffusion.notices import say_once
from phosphene.errors import ModelError

Array = npt.NDArray[np.float32]

ROLES = {
    **dict.fromkeys(("lora_down", "lora_A", "lora.down", "lora_linear_layer.down"), "down"),
    **dict.fromkeys(("lora_up", "lora_B", "lora.up", "lora_linear_layer.up"), "up"),
    **dict.fromkeys(("dora_scale", "lora_magnitude_vector"), "magnitude"),
    "lora_mid": "mid",
    "lora_B.bias": "up_bias",
    **dict.fromkeys(("diff", "w_norm"), "diff"),
    **dict.fromkeys(("diff_b", "b_norm"), "diff_bias"),
    **{name: name for name in ("alpha", "scalar")},
    **{f"hada_{name}": f"hada_{name}" for name in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")},
    **{
        f"lokr_{name}": f"lokr_{name}"
        for name in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")
    },
}
"""by the end of a key, without .weight: what the tensor is"""

OTHER_FORMATS = {
    r"\b(oft_|boft_|oft_r\b)": "OFT",
    r"\.(a1|a2|b1|b2)(\.weight)?$": "GLoRA",
    r"\.on_input$|\bia3_": "IA3",
    r"\bvera_": "VeRA",
    r"\b(hra_u|bone_|miss_block|fourierft_|vblora_|randlora_|delora_|shira_)": "an adapter of peft that is"
    " no LoRA",
    r"\bbias_(indices|values|size)$": "LoRA with sparse biases",
    r"lora_controlnet|input_hint_block|^controlnet": "Control-LoRA",
    r"^(image_proj|ip_adapter)\.": "IP-Adapter",
    r"\blora_embedding_[AB]": "LoRA of token embeddings",
    r"\b(set_weight|reshape_weight)$": "LoRA that replaces weights",
}
"""formats that cannot be used, by a key of theirs"""
EMBEDDING = re.compile(r"^(bundle_emb\.[^.]+|emb_params|string_to_param.*|clip_[lg])")

_ADAPTER = re.compile(
    r"\.(lora_[AB]|lora_magnitude_vector|hada_\w+|lokr_\w+)\.(?!weight$|bias$)[\w-]+"
)
"""peft's name of the adapter, as in lora_A.default.weight"""


@dataclass
class Change:
    """What a file does to one layer."""

    name: str
    """as the file calls the layer"""
    part: str
    """unet, text_encoder, ..."""
    path: str
    """of the layer inside the part"""
    held: dict[str, Array] = field(default_factory=dict)
    """tensors by role"""
    usual_alpha: float | None = None
    """alpha where the layer holds none; None: the rank"""
    root: bool = False
    """whether alpha is divided by the root of the rank (rsLoRA, Kalajdzievski 2023)"""

    @property
    def plain(self) -> bool:
        """Whether it is a product of two halves alone, which may be kept apart from the weight."""
        return self.held.keys() <= {"down", "up", "alpha"}

    def halves(self) -> tuple[Array, Array]:
        """(down, up) of a :attr:`plain` one, alpha in ``up``."""
        down, up = self.held["down"], self.held["up"]
        return down, up * np.float32(self._factor(down.shape[0]))

    def weight(self, now: Array) -> Array | None:
        """What is added to a weight as it is ``now``, of its shape; None: nothing. Raises ValueError."""
        added = self.product()
        if added is None and "magnitude" not in self.held:
            return None
        if added is not None:
            if added.size != now.size or _bare(added.shape) not in (
                _bare(now.shape),
                # a kernel's factors may be flat
                (now.shape[0], now.size // now.shape[0]),
            ):
                raise ValueError(f"{added.shape}, not {now.shape}")
            added = added.reshape(now.shape)
        if (magnitude := self.held.get("magnitude")) is None:
            return added
        whole = now if added is None else now + added
        return _to_magnitude(whole, magnitude) - now

    def bias(self, now: Array) -> Array | None:
        """What is added to a bias."""
        added = self.held.get("diff_bias")
        if (own := self.held.get("up_bias")) is not None:
            more = own * np.float32(self._factor(self.held["down"].shape[0]))
            added = more if added is None else added + more
        if added is not None and added.shape != now.shape:
            raise ValueError(f"{added.shape}, not {now.shape}")
        return added

    def _factor(self, rank: int) -> float:
        told = self.held.get("alpha")
        alpha = self.usual_alpha if told is None else float(told.reshape(-1)[0])
        scalar = self.held.get("scalar")
        factor = 1.0 if alpha is None else alpha / (rank**0.5 if self.root else rank)
        return factor if scalar is None else factor * float(scalar.reshape(-1)[0])

    def product(self) -> Array | None:
        """What is added before any magnitude, shaped as its factors are; None: nothing."""
        held = self.held
        if "diff" in held:
            return held["diff"]
        if any(role.startswith("hada_") for role in held):
            rank = held["hada_w1_b"].shape[0]
            one = _product(held["hada_w1_a"], held["hada_w1_b"], held.get("hada_t1"))
            two = _product(held["hada_w2_a"], held["hada_w2_b"], held.get("hada_t2"))
            return one * two * np.float32(self._factor(rank))
        if any(role.startswith("lokr_") for role in held):
            return self._kronecker()
        if "down" not in held:
            return None
        down, up = held["down"], held["up"]
        factor = np.float32(self._factor(down.shape[0]))
        if (mid := held.get("mid")) is not None:
            flat = up.reshape(up.shape[0], -1), down.reshape(down.shape[0], -1)
            kernel: Array = np.einsum("oa,abkl,bi->oikl", flat[0], mid, flat[1]) * factor
            return kernel
        rank = down.shape[0]
        product = up.reshape(-1, rank) @ down.reshape(rank, -1)
        return product.reshape(-1, *down.shape[1:]) * factor

    def _kronecker(self) -> Array:
        """LoKr: the Kronecker product of a small and a large matrix, either of two halves."""
        held, rank = self.held, None
        if (one := held.get("lokr_w1")) is None:
            rank = held["lokr_w1_b"].shape[0]
            one = held["lokr_w1_a"] @ held["lokr_w1_b"]
        if (two := held.get("lokr_w2")) is None:
            rank = held["lokr_w2_b"].shape[0]
            two = _product(held["lokr_w2_a"], held["lokr_w2_b"], held.get("lokr_t2"))
        # two whole matrices have no rank, and LyCORIS no alpha for them
        factor = 1.0 if rank is None else self._factor(rank)
        one = one.reshape(*one.shape, *[1] * (two.ndim - one.ndim))
        return np.kron(one, two).astype(np.float32) * np.float32(factor)


def read_changes(path: Path, places: Places, lora_id: str) -> list[Change]:
    """What a file changes in the networks of ``places``.

    Layers that they do not have are named in a notice. Raises ModelError for another format, a file
    that was cut short, and one of which no layer fits.
    """
    tensors, settings = read_tensors(path), _Settings.of(path)
    if settings.kind not in (None, "LORA", "LOHA", "LOKR"):
        raise ModelError(
            f"LoRA {lora_id} is {settings.kind}, which cannot be used: use a plain LoRA."
        )
    changes: dict[str, Change] = {}
    lost: list[str] = []
    embeddings: set[str] = set()
    for key, tensor in tensors.items():
        if found := EMBEDDING.match(key):
            embeddings.add(found[0])
            continue
        name, role = _split(key, lora_id)
        place = places.find(name)
        if place is None:
            lost.append(name)
            continue
        change = changes.setdefault(".".join(place), Change(name, *place))
        if role in change.held:
            raise ModelError(f"LoRA {lora_id} changes '{name}' twice: use another copy of it.")
        change.held[role] = tensor
        change.usual_alpha, change.root = settings.alpha(*place)
    for change in changes.values():
        if not _whole(change.held.keys()):
            raise ModelError(f"LoRA {lora_id} is cut short at '{change.name}': download it again.")
    missing = list(dict.fromkeys(lost))
    if not changes:
        example = f" ('{missing[0]}')" if missing else ""
        raise ModelError(f"LoRA {lora_id} holds nothing that fits this model{example}.")
    if missing:
        more = "" if len(missing) <= 3 else f" and {len(missing) - 3} more"
        say_once(
            f"LoRA {lora_id} fits in part: {len(missing)} of its {len(missing) + len(changes)} layers"
            f" this model does not have, {', '.join(missing[:3])}{more}; it may be for another one."
        )
    if embeddings:
        say_once(
            f"LoRA {lora_id} holds words of its own ({', '.join(sorted(embeddings))}), which are left out."
        )
    return list(changes.values())


def _split(key: str, lora_id: str) -> tuple[str, str]:
    """(layer, role) of a key. Raises ModelError for a format that cannot be used."""
    plain = _ADAPTER.sub(r".\1", key).removesuffix(".weight")
    for end in sorted(ROLES, key=len, reverse=True):
        # attention processors of old diffusers: ...processor.to_q_lora.down
        for joint in (".", "_"):
            if plain.endswith(joint + end) and (joint == "." or end.startswith("lora.")):
                return plain[: -len(end) - 1], ROLES[end]
    for pattern, name in OTHER_FORMATS.items():
        if re.search(pattern, key):
            raise ModelError(f"LoRA {lora_id} is {name}, which cannot be used: use a plain LoRA.")
    raise ModelError(
        f"LoRA {lora_id} holds '{key}', of a format that is not known: use a plain LoRA."
    )


_SETS = (
    ({"down", "up"}, {"mid", "up_bias", "diff_bias"}),
    ({"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"}, {"diff_bias"}),
    ({"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2"}, {"diff_bias"}),
    *(
        (one | two, {"diff_bias"})
        for one in ({"lokr_w1"}, {"lokr_w1_a", "lokr_w1_b"})
        for two in (
            {"lokr_w2"},
            {"lokr_w2_a", "lokr_w2_b"},
            {"lokr_w2_a", "lokr_w2_b", "lokr_t2"},
        )
    ),
    ({"diff"}, {"diff_bias"}),
    ({"diff_bias"}, set()),
)
"""(roles that make a format, roles it may have besides)"""


def _whole(roles: Any) -> bool:
    """Whether a layer's tensors are all of one format, and all of them."""
    found = set(roles) - {"alpha", "scalar", "magnitude"}
    return any(needed <= found <= needed | extra for needed, extra in _SETS)


def _product(a: Array, b: Array, tucker: Array | None) -> Array:
    """Two halves multiplied; with a core (rank rank h w) ``a`` is (rank out) and ``b`` (rank in)."""
    if tucker is None:
        return a @ b
    kernel: Array = np.einsum("ijkl,jr,ip->prkl", tucker, b, a)
    return kernel


def _to_magnitude(whole: Array, magnitude: Array) -> Array:
    """DoRA: rows, or columns where the file has one magnitude for each, at the length it says."""
    by_column = magnitude.ndim > 1 and magnitude.shape[0] == 1 and magnitude.shape[1] > 1
    kept = 1 if by_column and whole.shape[0] != 1 else 0
    axes = tuple(axis for axis in range(whole.ndim) if axis != kept)
    length = np.sqrt((whole.astype(np.float64) ** 2).sum(axis=axes, keepdims=True))
    if magnitude.size != whole.shape[kept]:
        raise ValueError(f"{magnitude.size} magnitudes, not {whole.shape[kept]}")
    ratio = magnitude.reshape(length.shape) / np.maximum(length, np.finfo(np.float32).eps)
    scaled: Array = (whole * ratio).astype(np.float32)
    return scaled


def _bare(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without the ones that a 1 x 1 kernel has and a matrix has not."""
    return shape[:2] if shape[2:] == (1, 1) else shape


@dataclass(frozen=True)
class _Settings:
    """What peft writes down beside its tensors: in the file (diffusers), or next to it."""

    held: Mapping[str, Any]

    @classmethod
    def of(cls, path: Path) -> _Settings:
        told = read_metadata(path).get("lora_adapter_metadata")
        beside = path.with_name("adapter_config.json")
        try:
            if told is None and path.stem == "adapter_model" and beside.is_file():
                told = beside.read_text(encoding="utf-8")
            held = json.loads(told) if told else {}
        except ValueError as error:
            raise ModelError(
                f"the settings of LoRA {path} are broken: download it again."
            ) from error
        return cls(held)

    @property
    def kind(self) -> str | None:
        """peft's name of the format."""
        return self.held.get("peft_type")

    def alpha(self, part: str, path: str) -> tuple[float | None, bool]:
        """(alpha, whether it is over the root of the rank) of a layer."""
        settings = {key.removeprefix(f"{part}."): value for key, value in self.held.items()}
        alpha = settings.get("lora_alpha", settings.get("alpha"))
        for pattern, own in (settings.get("alpha_pattern") or {}).items():
            if re.fullmatch(rf"(.*\.)?({pattern})", path):
                alpha = own
        return alpha, bool(settings.get("use_rslora", False))
