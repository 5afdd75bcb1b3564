"""Train the judge of `phosphene bench quality` on seeds that no other training uses."""

from __future__ import annotations

import json
import time
import warnings
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from phosphene.diffusion.lsd.judge import Facts
from phosphene.diffusion.lsd.render import FAMILIES
from phosphene.training import runtime
from phosphene.training.clips import drawings, family_names, planes
from phosphene.training.config import TrainConfig
from phosphene.training.pool import until

DRAWING = 0.4
"""of the time goes to drawing fields, at most"""
CLIPS = 48
"""of each family, if the time allows; two frames of each"""
MIXED = 0.4
"""share of mixtures, half of which is either part: what was never seen mixed is not known in a mixture"""
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
    """Fields (b, 2, 64, 64) in [-1, 1] -> logits (b, patterns)."""

    def __init__(self, patterns: int, width: int = 48) -> None:
        super().__init__()
        self.look = nn.Sequential(
            _layer(3 * PATCH**2, width),
            _layer(width, width),
            _layer(width, 2 * width, 2),
            _layer(2 * width, 2 * width),
            _layer(2 * width, 3 * width, 2),
            _layer(3 * width, 3 * width),
        )
        self.pattern = nn.Sequential(nn.Dropout(0.1), nn.Linear(6 * width, patterns))

    def forward(self, fields: Tensor) -> Tensor:
        place, light = fields.clamp(-1, 1).chunk(2, dim=1)
        # what is seen in a palette from dark to light
        seen = (place + 1) * (light + 1) - 1
        told = self.look(F.pixel_unshuffle(torch.cat((place, light, seen), dim=1), PATCH))
        # averages tell textures, maxima tell single things
        logits: Tensor = self.pattern(torch.cat((told.mean((2, 3)), told.amax((2, 3))), dim=1))
        return logits


def draw_examples(
    cfg: TrainConfig, clips: int, split: str, seconds: float, mixed: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Fields (n, 2, s, s) uint8, a share of them mixtures, and how much (n, patterns) each shows of what."""
    names = family_names(cfg.data)
    data = cfg.data.model_copy(update={"mixed": mixed, "restyled": 0.0})
    fields, shares = [], []
    total = round(clips * len(names) / (1 - mixed))
    for drawn in until(drawings(data, split, cfg.seed), total, seconds):
        # the oldest and the newest frame: the two least alike
        fields += [drawn.fields[:, 0], drawn.fields[:, -1]]
        assert drawn.motif is not None
        parts = [part for part in (drawn.motif.family, drawn.motif.fold) if part]
        row = torch.zeros(len(names))
        row[[names.index(part) for part in parts]] = 1 / len(parts)
        shares.append(row.expand(2 * len(drawn), -1))
    return torch.cat(fields), torch.cat(shares)


def train_judge(out: Path, cfg: TrainConfig, minutes: float | None = None) -> str:
    """Train, measure on held-out fields, write `judge.onnx` and `judge.json`; returns a line for people."""
    device = runtime.pick_device(cfg.device)
    torch.manual_seed(cfg.seed)
    budget, start = 60 * (minutes or cfg.judge.minutes), time.monotonic()
    fields, shares = draw_examples(cfg, CLIPS, "judge", DRAWING * budget, MIXED)
    fields, shares = fields.to(device), shares.to(device)
    print(f"{len(fields)} fields for the judge", flush=True)
    names = family_names(cfg.data)
    net = runtime.place(JudgeNet(len(names), cfg.judge.width), device)
    optim = torch.optim.AdamW(net.parameters(), lr=cfg.judge.rate, weight_decay=0.02)
    clock, step = runtime.Clock(budget - (time.monotonic() - start)), 0
    while clock.progress < 1:
        runtime.set_rate(optim, runtime.learning_rate(cfg.judge.rate, step, clock.progress, 50))
        pick = torch.randint(len(fields), (cfg.judge.batch,), device=device)
        loss = F.cross_entropy(
            net(disturbed(planes(fields[pick]))), shares[pick], label_smoothing=0.05
        )
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
    fields, shares = draw_examples(cfg, EXAMINED, "judge-test", 60.0)
    hits = [
        (net(planes(part.to(device))).argmax(1).cpu() == truth.argmax(1)).float()
        for part, truth in zip(torch.split(fields, 64), torch.split(shares, 64), strict=True)
    ]
    return float(torch.cat(hits).mean())


def write_judge(net: nn.Module, names: tuple[str, ...], accuracy: float, out: Path) -> None:
    """`judge.onnx` and `judge.json`."""
    import onnx

    from phosphene.training.export import halve_weights

    out.mkdir(parents=True, exist_ok=True)
    words = tuple(FAMILIES[name].words[0] for name in names)
    facts = Facts(patterns=names, words=words, pattern_accuracy=accuracy)
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
            output_names=["pattern"],
            dynamic_axes={"fields": {0: "batch"}, "pattern": {0: "batch"}},
        )
    model = onnx.load(str(path))
    halve_weights(model)
    onnx.save(model, str(path))
