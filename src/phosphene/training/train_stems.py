"""Stems that halve what a tiny autoencoder costs, learned from its own answers on our own pictures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from phosphene.config import DiffusionConfig, InferenceConfig
from phosphene.diffusion.checkpoints.errors import check_source, explained
from phosphene.diffusion.lsd.pipeline import LSDPipeline
from phosphene.diffusion.lsd.render import FAMILIES
from phosphene.diffusion.sd import stems
from phosphene.errors import InputError, ModelError
from phosphene.pictures import to_rgb
from phosphene.training import runtime, sheets
from phosphene.training.config import StemSettings, TrainConfig
from phosphene.training.stage import Figures, TrainingStage, finished, run_stage

SIDE = 256
"""pixels of a picture that is drawn for it"""
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
COLOURS = ("crimson and gold", "teal and ivory", "violet and lime", "black and white", "rainbow",
           "orange and navy", "pink and mint", "grey and blue")  # fmt: skip
LONGEST_PIECE = 3650 * 24 * 60.0
"""minutes of a piece without a limit"""
NOISE = 0.5
"""most noise on latents, of unit variance: what is drawn is no picture's own latent exactly"""
HELD = 8
"""pictures that are never learned from, for figures and the sheet"""


class StemsStage(TrainingStage):
    """Both stems against the stages they stand in for.

    Args:
        vae: the teacher, a diffusers ``AutoencoderTiny``; it is not changed.
        pictures: uint8 (n 3 h w); the first :data:`HELD` are held back.
    """

    name = "stems"

    def __init__(self, cfg: StemSettings, vae: Any, pictures: Tensor, device: torch.device) -> None:
        torch.manual_seed(3)
        self.minutes = cfg.minutes
        self._cfg, self._device = cfg, device
        self._held, self._pictures = pictures[:HELD], pictures[HELD:]
        self._teacher = vae.to(device).eval().requires_grad_(False)
        self._wide, self._deep, self._shallow, self._last = stems.split(vae)
        self.net = runtime.place(stems.Stems.of(vae), device)
        self.average = runtime.Average(self.net, cfg.average)
        self._optim = torch.optim.AdamW(self.net.parameters(), lr=cfg.rate, weight_decay=1e-4)

    def step(self, step: int, progress: float) -> Figures:
        cfg = self._cfg
        runtime.set_rate(self._optim, runtime.learning_rate(cfg.rate, step, progress, 100))
        pixels = self._crops()
        with torch.no_grad():
            features = self._wide(pixels)
            latents = self._deep(features)
            noise = torch.rand(len(latents), 1, 1, 1, device=latents.device) * NOISE
            spread = latents.std() * noise * torch.randn_like(latents)
            half = self._shallow(_held(latents + spread))
            shown = self._last(half)
        made = self.net.encoder(pixels)
        # features matter by what the rest of the encoder makes of them
        encoding = _apart(made, features) + _apart(self._deep(made), latents)
        decoding = _apart(self.net.decoder(half), shown)
        self._optim.zero_grad(set_to_none=True)
        (encoding + decoding).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self._optim.step()
        self.average.update(self.net)
        return {"encoding": encoding.detach(), "decoding": decoding.detach()}

    def _crops(self) -> Tensor:
        """Pieces of pictures, some turned over -> 0..1 (b 3 crop crop)."""
        _, _, height, width = self._pictures.shape
        crop, rows = self._cfg.crop, []
        for row in torch.randint(len(self._pictures), (self._cfg.batch,)).tolist():
            y, x = (int(torch.randint(side - crop + 1, ())) for side in (height, width))
            rows.append(self._pictures[row, :, y : y + crop, x : x + crop])
        pixels = torch.stack(rows).to(self._device).float() / 255.0
        return pixels.flip(-1) if torch.rand(()) < 0.5 else pixels

    def state(self) -> dict[str, Any]:
        return {**self.average.state(self.net), "optim": self._optim.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        self.average.restore(state, self.net)
        runtime.restore_optimisers(state, optim=self._optim)

    @torch.no_grad()
    def report(self, sheet: Path) -> dict[str, float]:
        """PSNR in dB of what comes out with stems against what comes out without, of pictures never learned.

        ``latents``: of the encoders; ``pictures``: of the decoders on the same latents; ``both``: there and
        back. The range of each is that of the teacher's own answers.
        """
        net = cast(stems.Stems, self.average.module)
        pixels = self._held.to(self._device).float() / 255.0
        latents = self._deep(self._wide(pixels))
        own = self._deep(net.encoder(pixels))
        whole, theirs = (self._shallow(_held(each)) for each in (latents, own))
        shown, made, back = self._last(whole), net.decoder(whole), net.decoder(theirs)
        sheets.save_sheet(sheet, torch.stack([_seen(each, shown) for each in (shown, made, back)]))
        return {
            "latents": _psnr(own, latents),
            "pictures": _psnr(made, shown),
            "both": _psnr(back, shown),
        }


def train_stems(out: Path, cfg: TrainConfig, source: str, minutes: float | None = None) -> str:
    """Train stems for the tiny autoencoder at ``source`` and keep them; returns a line for people.

    Raises ModelError for what is no autoencoder like TAESD, InputError for a folder without pictures.
    """
    began = time.monotonic()
    device = runtime.pick_device(cfg.device)
    vae = open_teacher(source)
    pictures = gather(cfg.stems, cfg.seed)
    print(f"{len(pictures)} pictures for the stems of {source}", flush=True)
    out.mkdir(parents=True, exist_ok=True)
    stage = StemsStage(cfg.stems, vae, pictures, device)
    deadline = began + 60 * (LONGEST_PIECE if minutes is None else minutes)
    done = finished(out, stage.name, cfg.stems.minutes) or run_stage(
        stage, out, deadline, cfg.device
    )
    state = runtime.load(out / f"{stage.name}.pt", torch.device("cpu"))
    trained = stems.Stems.of(vae)
    trained.load_state_dict(state["stage"]["average"])
    place = stems.save(trained, vae, {"learned_from": source, "steps": str(state["step"])})
    more = "" if done else f"; not done yet, call again with --out {out} to go on"
    return f"stems: {state['step']} steps, kept in {place}{more}."


def open_teacher(source: str) -> Any:
    """A tiny autoencoder from a folder or the hub. Raises ModelError."""
    check_source(source, "autoencoder")
    with explained(source, "autoencoder"):
        from diffusers import AutoencoderTiny

        vae = AutoencoderTiny.from_pretrained(source, use_safetensors=True)
    if not stems.fit(vae):
        raise ModelError(
            f"{source} is not built as TAESD is: use madebyollin/taesd or taesdxl, or SDXS's own."
        )
    return vae


def gather(cfg: StemSettings, seed: int) -> Tensor:
    """Pictures to learn from, uint8 (n 3 side side): the renderer's, and yours where a folder is named."""
    made = [picture for _, picture in zip(range(cfg.pictures), drawn(seed), strict=False)]
    if cfg.folder:
        files = sorted(p for p in Path(cfg.folder).rglob("*") if p.suffix.lower() in PICTURES)
        if not files:
            raise InputError(f"{cfg.folder} holds no {', '.join(PICTURES)}: name another folder.")
        made += [_square(file) for file in files]
    order = np.random.default_rng(seed).permutation(len(made))
    whole = np.stack([made[index] for index in order])
    return torch.from_numpy(whole).permute(0, 3, 1, 2).contiguous()


def drawn(seed: int) -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
    """What the built-in model's renderer draws, of every family in turn and in many colours, without end."""
    random = np.random.default_rng(seed)
    base = LSDPipeline(DiffusionConfig(), InferenceConfig(height=SIDE, width=SIDE))
    while True:
        for family in FAMILIES.values():
            prompt = f"{random.choice(COLOURS)} {family.words[0]}"
            variant, moment = int(random.integers(64)), float(random.uniform(0, 20))
            field = base.recall(base.encode_prompt(prompt), variant, motion=moment).latent
            yield base.decode(field, base.palettes([prompt]))[0]


def _square(file: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as opened:
            return np.asarray(ImageOps.fit(to_rgb(opened), (SIDE, SIDE)))
    except (OSError, ValueError) as error:
        raise InputError(f"{file} is no picture: {error}") from error


def _held(latents: Tensor) -> Tensor:
    """Latents as the decoder takes them, held within 3 softly."""
    return torch.tanh(latents / 3) * 3


def _apart(made: Tensor, wanted: Tensor) -> Tensor:
    """Squared difference, of the variance that there is: 1 is no better than the mean."""
    return F.mse_loss(made, wanted) / wanted.var().clamp(min=1e-8)


def _psnr(made: Tensor, wanted: Tensor) -> float:
    reach = wanted.max() - wanted.min()
    return float(10 * torch.log10(reach**2 / F.mse_loss(made, wanted).clamp(min=1e-12)))


def _seen(pictures: Tensor, like: Tensor) -> Tensor:
    """Pictures in 0..1, the range of ``like``; a random teacher's have any."""
    low, high = like.min(), like.max()
    return (pictures - low) / (high - low).clamp(min=1e-8)
