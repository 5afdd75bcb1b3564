"""The model card, written from what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phosphene.diffusion.lsd.colours import MOODS, names
from phosphene.diffusion.lsd.render import FAMILIES, FOLDS

_HEAD = """# LSD: the built-in model

A small flow model that draws one field from its last ones, a prompt, an optional source picture and five
numbers about the music. A field is a picture before its colours: two planes in -1..1, the place in a palette
and light (-1 is dark, 0 the palette's own colour, 1 twice as bright); any palette is laid on it exactly, by
look-up. It was trained from nothing on procedural fields, so it knows patterns, materials and light: no
faces, objects, letters or photographs.

## Parts

| file | does |
|---|---|
| `denoiser.onnx` | one step of a stream: velocity noise - field of x_t = (1 - t) field + t noise |
| `sharpener.onnx` | field (b, 2, h, w) to field (b, 2, 4h, 4w): thin lines and clean edges |
| `reader.npz` | what says a field's plan, to train on |
| `text.npz` | prompt to vector of 128 numbers; zeros for no prompt |
| `judge.onnx` | independent classifier of patterns, for `phosphene bench quality`, if it is here |

Weights are stored in float16 and counted with in float32; they keep their names, so that `phosphene train
--resume` goes on from them.

The denoiser predicts the clean field (Li & He 2025). It holds three networks. The **diffusion block** is a
U-Net with GroupNorm, SiLU and attention where tokens are few, told time, prompt, sound and trust through
FiLM, and where it is in coordinates: x, y, radius, its logarithm, cosine and sine of multiples of the
angle. The **context memory** attends to outputs of long ago: a ring and an anchor
(`phosphene.stream.memory`). The **temporal consistency** network says where every part of the last field has
gone, moves it there, and mixes it in as far as a learned gate trusts it. A picture from nothing has a
**plan** of 32 numbers, drawn from what its prompt makes likely and laid out as pictures (petals on rings,
waves along the sides): how many of what lie where, on which all places must agree. In training a reader
looks at the picture to be drawn (a conditional variational autoencoder, Sohn et al. 2015), and what it says
is paid for.

Its inputs: `latent`, `timestep`, `text`, `history` (b, 2, 2, h, w) the last two outputs, `has_history`,
`history_level` in 0..1 how damaged they are, `memory` (b, m, 2, h, w) with `memory_age` in frames (0: empty),
`source` and `has_source`, `audio` (b, 5) bass, mid, treble, onset and beat phase in 0..1, `plan` (b, 32)
normal numbers and `has_plan`. The shorter side is 64, sides are multiples of 8.
"""


def model_card(manifest: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    """Markdown; `figures` are the JSON files of `bench drift` and `bench quality`, if there are any."""
    return "\n".join((_HEAD, _data(), _training(manifest), _measured(manifest, figures), _limits()))


def _data() -> str:
    return f"""## Data

{len(FAMILIES)} families of procedural animation, each known by several names, {len(FOLDS)} of which also fold
others ("mandala of fire"), under random sound and camera moves, drawn anew for every piece of training.
Captions name colours too ({len(names()):,} names, {len(MOODS)} moods): the network learns to pass
them over. Some clips follow the light and dark of a source video of falling leaves (occluding shapes of
power-law sizes). Nothing was downloaded.
"""


def _training(manifest: Mapping[str, Any]) -> str:
    lines = []
    for name, told in manifest["stages"].items():
        steps, batch = told.get("step", 0), manifest["training"][name]["batch"]
        lines.append(f"| {name} | {steps:,} | {steps * batch:,} | {told.get('minutes', 0)} |")
    rows = "\n".join(lines)
    return f"""## Training

`{manifest["command"]}`; all settings are in `manifest.json`.

| stage | steps | samples | minutes |
|---|---|---|---|
{rows}

1. flow: flow matching of the next field, and of fields from nothing, most of them told their plan; history
   and memory are damaged by noise, blur and other contrast, moved towards a guide, or taken away, and the
   network is told how much. Matrices are trained by Muon, the rest by AdamW.
2. unroll: the network's own frames, detached and kept to 8 bits, are its history; a relativistic critic with
   slope penalties judges the frame with the one before; long streams have nothing but the critic; fields
   from noise match the first stage's many-step ones.
3. sharpen: the renderer draws one moment at both sizes; the coarse one is blurred, noised or mixed with
   another as in streams. L1 of levels, differences and Haar details, then a critic besides.
"""


def _measured(manifest: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    lines = [
        f"- {stage}: " + ", ".join(
            f"{name} {value:.3g}" for name, value in told.items()
            if isinstance(value, float) and name not in ("minutes", "progress")
        )
        for stage, told in manifest["stages"].items() if told
    ]  # fmt: skip
    lines += [
        f"- difference from torch, {name}: {value:.2g}"
        for name, value in manifest["parity_with_torch"].items()
    ]
    for name, told in figures.items():
        lines += [f"- bench {name}: {key} {value:.3g}" for key, value in _numbers(told)]
    return "## Measured\n\n" + "\n".join(lines) + "\n"


def _numbers(told: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Single numbers of a bench, without its curves."""
    return [(key, value) for key, value in told.items() if isinstance(value, (int, float))]


def _limits() -> str:
    return """## Limits

- Of a prompt the denoiser is told the name of the pattern that it was taken for, and nothing else.
- What is finer than a 64th of the shorter side is the renderer's in shows, and the sharpener's guess
  where an input picture leads or the denoiser draws something of its own.
- In shows, shapes are the renderer's: each frame follows a field drawn for that moment, and of every
  second frame (`stream.draw_interval`; those between carry it on) only `inference.share` in `manifest.json`
  (0.12 in the weights that ship) is the denoiser's. Alone it blurs, lags behind the sound and does not
  hold shapes.
- The model is small. It makes moving light, pattern and texture, not scenes.
"""
