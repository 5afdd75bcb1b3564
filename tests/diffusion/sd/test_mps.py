"""What Apple's GPU lacks is not asked of it: float64, and operators that torch has not written for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from phosphene.config import StreamConfig
from phosphene.diffusion.checkpoints.errors import out_of_memory
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.stream.camera import CameraMove
from phosphene.stream.conditioning import Context
from phosphene.stream.noise import gaussian
from tests.diffusion.sd.tools import load, load_xl

pytestmark = pytest.mark.usefixtures("offline")


class Guard(TorchDispatchMode):
    """Fails on any operator that takes or gives float64 or complex128, and counts the others."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        self.seen.add(str(func.overloadpacket))
        for leaf in tree_leaves((args, kwargs, out)):
            kind = leaf.dtype if isinstance(leaf, torch.Tensor) else leaf
            assert kind not in (torch.float64, torch.complex128), f"{func} with {kind}"
        return out


def test_the_guard_guards() -> None:
    with Guard(), pytest.raises(AssertionError, match="float64"):
        torch.zeros(1).double()
    with Guard(), pytest.raises(AssertionError, match="float64"):
        torch.asarray(np.zeros(1))


def play(base: Any) -> None:
    """Everything a show asks of a model: prompts blended, pictures in and out, all of the engine."""
    config = StreamConfig(
        denoising_steps=2,
        guidance_mode="full",
        guidance_scale=2.0,
        enable_similarity_filter=True,
    )
    stream = StreamDiffusionPipeline(base, config)
    embeds = stream.encode_prompt("a (red:1.3) cat")
    frame = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for index in range(3):
        noise = gaussian(0, index, 0, stream.get_latent_shape())
        move = CameraMove(zoom=1.05, rotate=0.1, warp=0.01)
        stream.generate_frame_with_coherence(noise, embeds, 0.7, camera=move)
        stream.generate_frame(
            frame, embeds, context=Context(control=base.control_image(frame[None]))
        )
    stream.restore_state(stream.dump_state())
    stream.flush()


CASES: dict[str, dict[str, Any]] = {
    "eps": {"use_tiny_vae": True, "token_merge": 0.5, "cross_frame": 1, "cross_frame_interval": 1},
    "lcm": {"deepcache": 2},
    "xl": {},
}


@pytest.mark.parametrize("tree", CASES)
def test_no_float64(trees: dict[str, Path], tree: str) -> None:
    base = (load_xl if tree == "xl" else load)(trees[tree], **CASES[tree])
    with Guard() as guard:
        play(base)
    assert any("conv" in name for name in guard.seen)


def test_the_controls_pictures_have_none() -> None:
    from phosphene.diffusion.sd.control.canny import canny
    from phosphene.diffusion.sd.control.figure import draw

    with Guard():
        canny(torch.rand(1, 3, 32, 32))
        draw(torch.rand(1, 5), 32, 32)


def test_the_high_water_mark_is_a_lack_of_memory() -> None:
    said = (
        "MPS backend out of memory (MPS allocated: 5.0 GB, other allocations: 2.0 GB, max allowed: 6.8 GB)."
        " Tried to allocate 256 MB on private pool. Use PYTORCH_MPS_HIGH_WATER_MARK_RATIO=0.0 to disable"
    )
    assert out_of_memory(RuntimeError(said))
    assert out_of_memory(RuntimeError("[metal::malloc] Attempting to allocate 9 bytes"))
    assert not out_of_memory(RuntimeError("no such thing"))
