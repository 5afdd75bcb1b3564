"""The model card, written from what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phosphene.training.render import FAMILIES
from phosphene.training.render.words import MOODS, colours

_HEAD = """# LSD: the built-in model

A small latent flow model that draws one frame from its last ones, a prompt, an optional source picture and
five numbers about the music. It was trained from nothing on procedural pictures, so it knows patterns,
materials, light and colours: no faces, objects, letters or photographs.

## Parts

| file | does |
|---|---|
| `encoder.onnx` | uint8 picture (b, h, w, 3) to latent (b, 8, h/8, w/8), about N(0, 1) |
| `denoiser.onnx` | one step of a stream: velocity noise - picture of x_t = (1 - t) picture + t noise |
| `decoder.onnx` | latent to uint8 picture, in 8 bits |
| `decoder-large.onnx` | latent to uint8 picture (b, 16h, 16w, 3): the same, twice as large, in 8 bits |
| `remembered.mp4` | loops that streams follow: luma is the place in a palette, the first chroma plane light |
| `seeds.npz` | which loop and palette a prompt's vector means |
| `text.npz` | prompt to vector of 128 numbers; zeros for no prompt |
| `judge.onnx` | independent classifier of patterns and palettes, for `phosphene bench quality` |

The denoiser holds three networks. The **diffusion block** is a U-Net with GroupNorm and SiLU, told time,
prompt, sound and trust through FiLM. The **context memory** attends to up to four outputs of long ago: a
ring and an anchor (`phosphene.stream.memory`). The **temporal consistency** network says where every part
of the last picture has gone, moves it there, and mixes it in as far as a learned gate trusts it.

Its inputs: `latent`, `timestep`, `text`, `history` (b, 2, 8, h, w) the last two outputs, `has_history`,
`history_level` in 0..1 how damaged they are, `memory` (b, m, 8, h, w) with `memory_age` in frames (0: empty),
`source` and `has_source`, `audio` (b, 5) bass, mid, treble, onset and beat phase in 0..1.
"""


def model_card(manifest: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    """Markdown; `figures` are the JSON files of `bench drift` and `bench quality`, if there are any."""
    return "\n".join((_HEAD, _data(), _training(manifest), _measured(manifest, figures), _limits()))


def _data() -> str:
    return f"""## Data

{len(FAMILIES)} families of procedural animation, each known by several names, in palettes of one to three of
{len(colours()[0]):,} colour names or of one of {len(MOODS)} moods, under random sound and camera moves, drawn
anew for every piece of training. Some clips exist twice, in other colours; some follow the light and dark of
a source video of falling leaves (occluding shapes of power-law sizes). Nothing was downloaded.
"""


def _training(manifest: Mapping[str, Any]) -> str:
    rows = "\n".join(
        f"| {name} | {told.get('step', 0):,} | {told.get('minutes', 0)} |"
        for name, told in manifest["stages"].items()
    )
    return f"""## Training

`{manifest["command"]}`; all settings are in `manifest.json`.

| stage | steps | minutes |
|---|---|---|
{rows}

1. codec: L1 at three scales, of differences and of Haar details, then a critic besides; latents and pictures
   are flipped and shrunk alike.
2. flow: flow matching of the next frame; history and memory are damaged by noise, blur, other contrast,
   colours and exposure, or taken away, and the network is told how much.
3. unroll: the network's own frames, detached and kept to 8 bits, are its history; a relativistic critic with
   slope penalties judges the frame with the one before; long streams have nothing but the critic; pictures
   from noise match the stage-2 network's many-step ones.
4. large, small: the decoders that ship, one for pictures of twice the size. Each starts from the codec's
   and learns to draw the picture that was meant from latents as streams leave them: turned, held for some
   frames, noised and predicted back. The codec's loss, then a critic besides.
"""


def _measured(manifest: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    lines = [
        f"- {stage}: " + ", ".join(
            f"{name} {value:.3g}" for name, value in told.items()
            if isinstance(value, float) and name not in ("minutes", "progress")
        )
        for stage, told in manifest["stages"].items() if told
    ]  # fmt: skip
    lines += [f"- 8 bits: {name} {value:.3g}" for name, value in manifest["eight_bits"].items()]
    for name, told in figures.items():
        lines += [f"- bench {name}: {key} {value:.3g}" for key, value in _numbers(told)]
    return "## Measured\n\n" + "\n".join(lines) + "\n"


def _numbers(told: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Single numbers of a bench, without its curves."""
    return [(key, value) for key, value in told.items() if isinstance(value, (int, float))]


def _limits() -> str:
    return """## Limits

- Prompts are bags of words; words far from the captions' vocabulary give loose associations at best.
- A latent pixel covers 8x8 picture pixels: very thin grids and tiny stars stay soft.
- The model is small. It makes moving light, pattern and texture, not scenes.
"""
