"""Train the judge of `phosphene bench quality` on seeds that no other training uses."""

from __future__ import annotations

import json
import math
import time
import warnings
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from phosphene.diffusion.lsd.judge import Facts
from phosphene.diffusion.lsd.render import FAMILIES, FOLDS
from phosphene.training import runtime
from phosphene.training.clips import drawings, family_names, planes
from phosphene.training.config import TrainConfig
from phosphene.training.pool import until

DRAWING = 0.4
"""of the time goes to drawing fields, at most"""
CLIPS = 200
"""of each family, if the time allows; three frames of each"""
MIXED = 0.5
"""share of mixtures: what was never seen mixed is not known in a mixture"""
EXAMINED = 12
"""clips of each family that it is examined on"""
PATCH = 2
"""field pixels a side of a token"""


def _layer(inside: int, outside: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride=stride, padding=1),
        nn.BatchNorm2d(outside),
        nn.ReLU(),
    )


class JudgeNet(nn.Module):
    """Fields (b, 2, 64, 64) in [-1, 1] -> logits of patterns (b, patterns) and of folds (b, folds).

    It looks at a field as it is, where it sees textures, and unrolled about its middle, rings to rows and
    rays to columns: there a plan over the whole picture is a texture too.
    """

    def __init__(self, patterns: int, folds: int, width: int = 48) -> None:
        super().__init__()
        self.straight, self.unrolled = _eye(width), _eye(width)
        self.pattern = nn.Sequential(nn.Dropout(0.1), nn.Linear(12 * width, patterns))
        self.fold = nn.Sequential(nn.Dropout(0.1), nn.Linear(12 * width, folds))

    def forward(self, fields: Tensor) -> tuple[Tensor, Tensor]:
        place, light = fields.clamp(-1, 1).chunk(2, dim=1)
        # what is seen in a palette from dark to light
        seen = (place + 1) * (light + 1) - 1
        picture = torch.cat((place, light, seen), dim=1)
        told = torch.cat(
            (self._look(self.straight, picture), self._look(self.unrolled, unroll(picture))), 1
        )
        return self.pattern(told), self.fold(told)

    @staticmethod
    def _look(eye: nn.Module, picture: Tensor) -> Tensor:
        told = eye(F.pixel_unshuffle(picture, PATCH))
        # averages tell textures, maxima tell single things
        return torch.cat((told.mean((2, 3)), told.amax((2, 3))), dim=1)


def _eye(width: int) -> nn.Sequential:
    return nn.Sequential(
        _layer(3 * PATCH**2, width),
        _layer(width, width),
        _layer(width, 2 * width, 2),
        _layer(2 * width, 2 * width),
        _layer(2 * width, 3 * width, 2),
        _layer(3 * width, 3 * width),
    )


def unroll(pictures: Tensor) -> Tensor:
    """(b, c, s, s) about their middles to (b, c, s, s): rows are radii to the nearer edge, columns angles."""
    side = pictures.shape[-1]
    steps = (torch.arange(side, device=pictures.device) + 0.5) / side
    angle = 2 * math.pi * steps
    x, y = steps[:, None] * angle.cos(), steps[:, None] * angle.sin()
    grid = torch.stack((x, y), dim=-1)[None].expand(pictures.shape[0], -1, -1, -1)
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def draw_examples(
    cfg: TrainConfig, clips: int, split: str, seconds: float, mixed: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Fields (n, 2, s, s) uint8, a share of them mixtures, and which pattern and which fold (n,) each shows.

    A mixture's pattern is what fills it; what folds others is a fold alone too. Fold 0 is none.
    """
    names = family_names(cfg.data)
    folds = fold_names(names)
    # one frame and two of long before: consecutive ones are too alike to be worth their drawing
    data = cfg.data.model_copy(update={"mixed": mixed, "restyled": 0.0, "frames": 1})
    fields: list[Tensor] = []
    shown: list[tuple[int, int]] = []
    total = round(clips * len(names) / (1 - mixed))
    for drawn in until(drawings(data, split, cfg.seed), total, seconds):
        fields += drawn.fields.unbind(1)
        assert drawn.motif is not None
        family, fold = drawn.motif.family, drawn.motif.fold or drawn.motif.family
        row = (names.index(family), folds.index(fold) if fold in folds else 0)
        shown += [row] * drawn.fields.shape[1] * len(drawn)
    patterns, folded = torch.tensor(shown).unbind(1)
    return torch.cat(fields), patterns, folded


def fold_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """What may be folded of some families, after an empty name for nothing."""
    return ("", *(name for name in names if name in FOLDS))


def train_judge(out: Path, cfg: TrainConfig, minutes: float | None = None) -> str:
    """Train, measure on held-out fields, write `judge.onnx` and `judge.json`; returns a line for people."""
    device = runtime.pick_device(cfg.device)
    torch.manual_seed(cfg.seed)
    budget, start = 60 * (minutes or cfg.judge.minutes), time.monotonic()
    fields, patterns, folded = (
        told.to(device) for told in draw_examples(cfg, CLIPS, "judge", DRAWING * budget, MIXED)
    )
    print(f"{len(fields)} fields for the judge", flush=True)
    names = family_names(cfg.data)
    net = runtime.place(JudgeNet(len(names), len(fold_names(names)), cfg.judge.width), device)
    optim = torch.optim.AdamW(net.parameters(), lr=cfg.judge.rate, weight_decay=0.02)
    clock, step = runtime.Clock(budget - (time.monotonic() - start)), 0
    while clock.progress < 1:
        runtime.set_rate(optim, runtime.learning_rate(cfg.judge.rate, step, clock.progress, 50))
        pick = torch.randint(len(fields), (cfg.judge.batch,), device=device)
        shown = disturbed(planes(fields[pick]))
        with runtime.fast_math(device):
            pattern, fold = net(shown)
        loss = F.cross_entropy(pattern.float(), patterns[pick], label_smoothing=0.05)
        loss = loss + F.cross_entropy(fold.float(), folded[pick], label_smoothing=0.05)
        optim.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optim.step()
        step += 1
        if step % 50 == 1:
            print(f"judge {step} {clock.spent_s / 60:.1f}m loss {loss.item():.3f}", flush=True)
    accuracy = examine(net.eval(), cfg, device)
    write_judge(net, names, accuracy, out)
    return f"judge: {step} steps, held-out fields: pattern {accuracy:.1%}"


def disturbed(fields: Tensor) -> Tensor:
    """Flipped, blurred, noisy, of other contrast: a judge must not care how a field was made."""
    b, device = len(fields), fields.device

    def some(planes: int = 1) -> Tensor:
        return torch.rand(b, planes, 1, 1, device=device)

    if torch.rand(()) < 0.5:
        fields = fields.flip(-1)
    soft = F.avg_pool2d(fields, 3, 1, 1, count_include_pad=False)
    fields = fields + 0.8 * some() * (soft - fields)
    mean = fields.mean((2, 3), keepdim=True)
    shift = 0.1 * torch.randn(b, 2, 1, 1, device=device)
    fields = mean + (fields - mean) * (0.7 + 0.5 * some(2)) + shift
    return fields + 0.12 * some() * torch.randn_like(fields)


@torch.no_grad()
def examine(net: JudgeNet, cfg: TrainConfig, device: torch.device) -> float:
    """Share of held-out fields that it takes for what they are."""
    fields, patterns, _ = draw_examples(cfg, EXAMINED, "judge-test", 60.0)
    hits = [
        (net(planes(part.to(device)))[0].argmax(1).cpu() == truth).float()
        for part, truth in zip(torch.split(fields, 64), torch.split(patterns, 64), strict=True)
    ]
    return float(torch.cat(hits).mean())


def write_judge(net: nn.Module, names: tuple[str, ...], accuracy: float, out: Path) -> None:
    """`judge.onnx` and `judge.json`."""
    import onnx

    from phosphene.training.export import halve_weights

    out.mkdir(parents=True, exist_ok=True)
    words = tuple(FAMILIES[name].words[0] for name in names)
    facts = Facts(names, words, fold_names(names), accuracy)
    (out / "judge.json").write_text(json.dumps(asdict(facts), indent=2) + "\n", encoding="utf-8")
    path = out / "judge.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net.cpu(),
            (2 * torch.rand(2, 2, 64, 64) - 1,),
            str(path),
            dynamo=False,
            opset_version=18,
            input_names=["fields"],
            output_names=["pattern", "fold"],
            dynamic_axes={name: {0: "batch"} for name in ("fields", "pattern", "fold")},
        )
    model = onnx.load(str(path))
    halve_weights(model)
    onnx.save(model, str(path))
