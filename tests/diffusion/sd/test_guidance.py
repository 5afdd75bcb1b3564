"""Every mode of guidance, step by step, equals StreamDiffusion's formulas written out in float64."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from phosphene.config import GuidanceMode
from phosphene.diffusion.sd.pipeline import StableDiffusion
from phosphene.stream.batch import InFlightFrame, Plan, complete
from phosphene.stream.guidance import Guidance
from phosphene.stream.steppers import lcm_boundary
from tests.diffusion.sd.tools import ALONE, load, load_xl, noise

pytestmark = pytest.mark.usefixtures("offline")

SOURCE = noise(seed=5)
SCALE = 2.5


def fresh(seed: int, step: int, shape: tuple[int, ...]) -> torch.Tensor:
    return noise(seed=100 + step)


def reference(
    model: StableDiffusion, times: list[float], mode: GuidanceMode, delta: float
) -> torch.Tensor:
    """Kodaira 2023, sec. 3.2, on noise predictions; only the network itself runs in float32."""
    wanted, negative = model.encode_prompt("a red cat"), model.encode_prompt("é")
    x = noise().double()
    virtual = SOURCE.double()
    for step, t in enumerate(times):
        alpha, sigma = (
            torch.tensor(v, dtype=torch.float64) for v in model.facts.schedule.levels(t)
        )

        def predict(embeds: torch.Tensor, x: torch.Tensor = x, t: float = t) -> torch.Tensor:
            return model.denoise(x.float(), torch.tensor([t]), embeds, ALONE).double()

        guided = conditional = predict(wanted)
        if mode == "full":
            unwanted = predict(negative)
            guided = unwanted + SCALE * (conditional - unwanted)
        elif mode != "none":
            if mode == "initialize" and step == 0:
                virtual = (x - sigma * predict(negative)) / alpha
            residual = delta * (x - alpha * virtual) / sigma
            guided = residual + SCALE * (conditional - residual)
        c_skip, c_out = lcm_boundary(t)
        x0 = c_skip * x + c_out * (x - sigma * guided) / alpha
        if step + 1 == len(times):
            return x0
        alpha, sigma = model.facts.schedule.levels(times[step + 1])
        x = alpha * x0 + sigma * fresh(0, step + 1, ()).double()
    raise AssertionError("no steps")


@pytest.mark.parametrize("delta", [1.0, 0.6])
@pytest.mark.parametrize("mode", ["none", "full", "self", "initialize"])
@pytest.mark.parametrize("tree", ["eps", "xl-base"])
def test_modes(trees: dict[str, Path], tree: str, mode: GuidanceMode, delta: float) -> None:
    model = (load_xl if tree == "xl-base" else load)(trees[tree])
    for steps in (1, 3):
        times = model.facts.schedule.steps(steps, 0.8).tolist()
        plan = Plan(tuple(times), guidance=Guidance(mode, SCALE, delta))
        in_flight = InFlightFrame(
            0,
            plan,
            noise(),
            model.encode_prompt("a red cat"),
            negative=model.encode_prompt("é"),
            reference=SOURCE if mode == "self" else None,
        )
        got = complete(in_flight, model.denoiser(), fresh).x
        expected = reference(model, times, mode, delta)
        size = float(expected.abs().max())
        torch.testing.assert_close(got.double(), expected, rtol=1e-4, atol=1e-4 * size)
