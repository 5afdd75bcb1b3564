"""Group norm, FiLM and SiLU found again in an exported network, where they are seven to nine operators."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from torch import Tensor

from phosphene.diffusion.lsd.torch_tape import Step, Tape
from phosphene.kernels.choose import Operations

EPSILON = 1e-5
"""torch's own, with which the model was trained"""


@dataclass
class Found:
    """One of them: the picture, the groups, what it is scaled and shifted by, and the steps it replaces."""

    x: str
    groups: int
    told: list[str] = field(default_factory=list)
    """scale, shift, and once more"""
    steps: list[Step] = field(default_factory=list)


def fuse_norms(tape: Tape, operations: Operations) -> Tape:
    """The same tape with each of them as one step."""
    producers = {name: step for step in tape.steps for name in step.outputs}
    for norm in [step for step in tape.steps if step.kind == "InstanceNormalization"]:
        found = _follow(tape, norm, producers)
        if found is None:
            continue
        call = partial(_call, operations, found.groups)
        last = found.steps[-1]
        fused = Step("NormSiluFilm", call, (found.x, *found.told), last.outputs)
        tape.steps[tape.steps.index(last)] = fused
        for step in found.steps[:-1]:
            tape.steps.remove(step)
    return tape


def _call(operations: Operations, groups: int, x: Tensor, *told: Tensor) -> Tensor:
    """``told``: scale and shift (c 1 1), then perhaps (b c 1 1)."""
    weight, bias, *film = told
    width = x.shape[1]
    affine = weight.reshape(-1).expand(width), bias.reshape(-1).expand(width)
    if not film:
        return operations.norm_silu_film(x, groups, affine, None, EPSILON)
    scale, shift = (each.reshape(len(x), width) for each in film)
    return operations.norm_silu_film(x, groups, affine, (scale, shift), EPSILON)


def _follow(tape: Tape, norm: Step, producers: dict[str, Step]) -> Found | None:
    """From the norm on to the end of the SiLU; None where something else comes."""
    before = producers.get(norm.inputs[0])
    if before is None or before.kind != "Reshape":
        return None
    groups = tape.constants[norm.inputs[1]].numel()
    found = Found(before.inputs[0], groups, steps=[before, norm])
    value, wanted = norm.outputs[0], ("Reshape", "Mul", "Add", "Mul", "Add")
    for place, kind in enumerate(wanted):
        users = tape.users(value)
        if len(users) == 2:
            break
        if len(users) != 1 or users[0].kind != kind:
            return None
        step = users[0]
        if place:
            found.told.append(next(name for name in step.inputs if name != value))
        found.steps.append(step)
        value = step.outputs[0]
    users = tape.users(value)
    kinds = sorted(step.kind for step in users)
    if kinds != ["Mul", "Sigmoid"] or len(found.told) not in (2, 4):
        return None
    sigmoid, product = sorted(users, key=lambda step: step.kind, reverse=True)
    if set(product.inputs) != {value, sigmoid.outputs[0]}:
        return None
    found.steps += [sigmoid, product]
    return found
