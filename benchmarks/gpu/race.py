"""Stable Diffusion: phosphene's ways to run, plain diffusers, StreamDiffusion; the same random weights."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gpu.measuring import Ceilings, Room, Row, operations_of, time_pictures
from gpu.networks import make_tree

PROMPT = "a garden of glass at dusk"
FAST: dict[str, Any] = {"cuda_graph": True, "fuse_attention": True, "enable_channels_last": True}


@dataclass(frozen=True)
class Course:
    """One race."""

    architecture: str
    size: int
    steps: int = 1
    from_picture: bool = True

    @property
    def large(self) -> bool:
        return self.architecture == "sdxl-turbo"


COURSES: dict[str, Course] = {
    "sd-turbo-i2i": Course("sd-turbo", 512),
    "sd-turbo-t2i": Course("sd-turbo", 512, from_picture=False),
    "lcm-2": Course("sd15", 512, steps=2),
    "lcm-4": Course("sd15", 512, steps=4),
    "sdxl-turbo-512": Course("sdxl-turbo", 512),
    "sdxl-turbo-1024": Course("sdxl-turbo", 1024),
}
OURS: dict[str, dict[str, Any]] = {
    "phosphene, plain": {},
    "phosphene, graphs": FAST,
    "phosphene, graphs + compile": FAST | {"compile_unet": True},
    "phosphene, graphs + kernels": FAST | {"kernels": True},
}


def rows(name: str, room: Room, top: Ceilings) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Name and measurement of every row of a race."""
    course = COURSES[name]
    for label, flags in OURS.items():
        yield label, lambda label=label, flags=flags: ours(course, room, top, label, flags)  # type: ignore[misc]
    yield "diffusers", lambda: plain_diffusers(course, room)
    yield "StreamDiffusion", lambda: stream_diffusion(course, room)


def _tree(course: Course, room: Room) -> Path:
    name = course.architecture
    return make_tree(Path(room.trees) / f"{name}{'-toy' if room.toy else ''}", name, room.toy)


def _size(course: Course, room: Room) -> int:
    return 64 if room.toy else course.size


def ours(course: Course, room: Room, top: Ceilings, label: str, flags: dict[str, Any]) -> Row:
    from phosphene.config import DiffusionConfig, InferenceConfig, StreamConfig
    from phosphene.diffusion.notices import say_once
    from phosphene.diffusion.registry import pipeline_class
    from phosphene.diffusion.stream import StreamDiffusionPipeline

    if not room.cuda and (flags.get("compile_unet") or flags.get("kernels")):
        return Row(label, reason="it is for GPUs")
    say_once.cache_clear()
    tree, size = _tree(course, room), _size(course, room)
    config = DiffusionConfig(
        model="sdxl" if course.large else "sd15",
        model_id=str(tree),
        device=room.device.type,
        **flags,
    )
    kind = pipeline_class(config.model)
    model = kind(config, InferenceConfig(height=size, width=size))
    strength = 0.5 if course.steps == 1 else 0.7
    stream = StreamDiffusionPipeline(
        model,
        StreamConfig(
            denoising_steps=course.steps,
            strength=strength,
            stream_batch=True,
            enable_temporal_coherence=False,
        ),
    )
    prompt = model.encode_prompt(PROMPT)
    noise = model.asarray(
        np.random.default_rng(0).standard_normal((1, 4, size // 8, size // 8)).astype(np.float32)
    )

    def draw(picture: np.ndarray) -> Any:
        image = picture if course.from_picture else None
        return stream.step_latent(noise, prompt, image=image)

    row = time_pictures(
        room,
        label,
        lambda picture: model.decode(draw(picture))[0],
        (draw, model.decode),
        size,
    )
    if flags:
        # operations inside a graph are not seen; they are the same
        return row
    blank = np.zeros((size, size, 3), np.uint8)
    work = operations_of(lambda: model.decode(draw(blank)))
    return replace(row, floor_ms=work / top.matmul_tflops / 1e9)


def _diffusers(course: Course, room: Room, from_picture: bool) -> Any:
    """diffusers' own pipeline with the tiny autoencoder, in half precision on a GPU."""
    import diffusers

    large = course.large
    tree = _tree(course, room)
    text, image = (
        (diffusers.StableDiffusionXLPipeline, diffusers.StableDiffusionXLImg2ImgPipeline)
        if large
        else (diffusers.StableDiffusionPipeline, diffusers.StableDiffusionImg2ImgPipeline)
    )
    kind = image if from_picture else text
    dtype = torch.float16 if room.cuda else torch.float32
    unused = {} if large else {"safety_checker": None, "feature_extractor": None}
    pipe = kind.from_pretrained(tree, torch_dtype=dtype, **unused)
    folder = tree / ("taesdxl" if large else "taesd")
    pipe.vae = diffusers.AutoencoderTiny.from_pretrained(folder, torch_dtype=dtype)
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(room.device)


def plain_diffusers(course: Course, room: Room) -> Row:
    """As its users run it: a PIL picture in, a PIL picture out; the prompt is encoded once."""
    from PIL import Image

    pipe, size = _diffusers(course, room, course.from_picture), _size(course, room)
    told: dict[str, Any] = {"guidance_scale": 0.0, "output_type": "pil"}
    encoded = (
        pipe.encode_prompt(PROMPT, room.device, 1, False)
        if not course.large
        else pipe.encode_prompt(PROMPT, device=room.device, do_classifier_free_guidance=False)
    )
    told["prompt_embeds"] = encoded[0]
    if course.large:
        told["pooled_prompt_embeds"] = encoded[2]
    # so many of its steps are left at this strength
    if course.from_picture:
        told |= {"strength": 0.5, "num_inference_steps": 2 * course.steps}
    else:
        told |= {"num_inference_steps": course.steps, "height": size, "width": size}

    def whole(picture: np.ndarray) -> np.ndarray:
        given = {"image": Image.fromarray(picture)} if course.from_picture else {}
        return np.asarray(pipe(**told, **given).images[0])

    return time_pictures(
        room, "diffusers", whole, None, size, note="one picture at a time is its only way"
    )


def stream_diffusion(course: Course, room: Room) -> Row:
    """The public package, from its own index, with torch's attention and without TensorRT."""
    if course.large:
        return Row("StreamDiffusion", reason="the package draws no SDXL")
    try:
        from streamdiffusion import StreamDiffusion
        from streamdiffusion.image_utils import postprocess_image
    except ImportError as error:
        return Row("StreamDiffusion", reason=f"the package cannot be imported here ({error})")
    pipe, size = _diffusers(course, room, from_picture=False), _size(course, room)
    # StreamDiffusion's own examples: index 32 and 45 of 50 for two steps, 18 26 35 45 for four
    indices = {1: [32], 2: [32, 45], 4: [18, 26, 35, 45]}[course.steps]
    if not course.from_picture:
        indices = [0]
    with _events(room):
        stream = StreamDiffusion(
            pipe,
            t_index_list=indices,
            torch_dtype=pipe.unet.dtype,
            width=size,
            height=size,
            cfg_type="none",
        )
        stream.prepare(PROMPT, num_inference_steps=50)

        def whole(picture: np.ndarray) -> np.ndarray:
            if course.from_picture:
                out = stream(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255.0)
            else:
                out = stream.txt2img_sd_turbo(1)
            return np.asarray(postprocess_image(out, output_type="pil")[0])

        note = "waits for the device in every call"
        return time_pictures(room, "StreamDiffusion", whole, None, size, note=note)


@contextlib.contextmanager
def _events(room: Room) -> Iterator[None]:
    """On a CPU, for toys only: the package asks CUDA for the time in every call."""
    if room.cuda:
        yield
        return

    class Event:
        def __init__(self, **_: Any) -> None:
            pass

        def record(self) -> None:
            pass

        def elapsed_time(self, _: Any) -> float:
            return 1.0

    event, wait = torch.cuda.Event, torch.cuda.synchronize
    torch.cuda.Event, torch.cuda.synchronize = Event, lambda: None  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        torch.cuda.Event, torch.cuda.synchronize = event, wait  # type: ignore[misc]
