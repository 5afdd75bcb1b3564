"""The built-in model: rate, latency from camera bytes to JPEG bytes, and many sessions on one model."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gpu.measuring import Ceilings, Room, Row, memory_mb, operations_of, pictures, time_pictures

PROMPT = "crimson and gold mandala"


def rows(size: int, room: Room, top: Ceilings) -> Iterator[tuple[str, Callable[[], Row]]]:
    size = 64 if room.toy else size
    for kernels in (False, True):
        flags = ", kernels" if kernels else ""
        yield (
            f"built-in{flags}",
            lambda kernels=kernels, flags=flags: drawn(  # type: ignore[misc]
                room, top, f"built-in{flags}", size, kernels
            ),
        )
    yield "camera JPEG to JPEG", lambda: camera(room, size)


def session_rows(room: Room) -> Iterator[tuple[str, Callable[[], Row]]]:
    for count in (1, 2) if room.toy else (1, 2, 4, 8, 16):
        for together in (False, True):
            label = f"{count} sessions, {'one call for all' if together else 'in turns'}"
            yield (
                label,
                lambda count=count, together=together, label=label: shared(  # type: ignore[misc]
                    room, label, count, together
                ),
            )


def _model(room: Room, size: int, kernels: bool = False) -> Any:
    from phosphene.config import DiffusionConfig, InferenceConfig
    from phosphene.diffusion.lsd.pipeline import LSDPipeline

    config = DiffusionConfig(device=room.device.type, kernels=kernels)
    return LSDPipeline(config, InferenceConfig(height=size, width=size))


def _stream(model: Any, denoiser: Any = None) -> Any:
    """One step a picture, else as the model suggests."""
    from phosphene.config import PipelineConfig
    from phosphene.diffusion.stream import StreamDiffusionPipeline

    config = PipelineConfig()
    model.suggest(config)
    stream = config.stream.model_copy(update={"denoising_steps": 1})
    return StreamDiffusionPipeline(model, stream, denoiser=denoiser)


def _noise(model: Any) -> Any:
    shape = model.get_latent_shape()
    return model.asarray(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


def drawn(room: Room, top: Ceilings, label: str, size: int, kernels: bool) -> Row:
    """One step a picture, each from the one before."""
    if kernels and not room.cuda:
        return Row(label, reason="they need an NVIDIA GPU")
    model = _model(room, size, kernels)
    stream, embeds, noise = _stream(model), model.encode_prompt(PROMPT), _noise(model)

    def draw(_: np.ndarray) -> Any:
        return stream.step_latent(noise, embeds)

    row = time_pictures(room, label, lambda _: model.decode(draw(_))[0], (draw, model.decode), size)
    return replace(row, floor_ms=_operations(model) / top.matmul_tflops / 1e9)


def _operations(model: Any) -> float:
    """Of both networks for one picture, counted on the CPU; painting it takes look-ups, no products."""
    import torch

    from phosphene.diffusion.lsd.torch_nets import LsdTorchNets

    nets = LsdTorchNets(torch.device("cpu"))
    x = torch.randn(model.get_latent_shape())
    text, t = torch.zeros(1, *model.facts.embed_shape), torch.full((1,), 0.7)
    return operations_of(lambda: nets.sharpen(nets.denoise(x, t, text, previous=x)))


def camera(room: Room, size: int) -> Row:
    """A camera's JPEG is decoded, becomes a field, is drawn over, painted, and becomes a JPEG."""
    from PIL import Image

    from phosphene.show.live.pictures import decode_picture
    from phosphene.show.sinks.jpeg import to_jpeg

    model = _model(room, size)
    stream, embeds, noise = _stream(model), model.encode_prompt(PROMPT), _noise(model)
    files: dict[bytes, bytes] = {}
    for picture in pictures(8, size):
        # smooth, as a camera's pictures are: noise makes the largest JPEGs there are
        file = io.BytesIO()
        Image.fromarray(picture[::16, ::16]).resize((size, size)).save(file, "JPEG", quality=85)
        files[picture.tobytes()] = file.getvalue()

    def whole(picture: np.ndarray) -> np.ndarray:
        frame = decode_picture(files[picture.tobytes()], (size, size))
        out = model.decode(stream.step_latent(noise, embeds, image=frame))[0]
        to_jpeg(out, 85)
        return out

    note = "from JPEG bytes to JPEG bytes"
    return time_pictures(room, "camera JPEG to JPEG", whole, None, size, note=note)


def shared(room: Room, label: str, count: int, together: bool) -> Row:
    """Threads that draw streams of their own on one model, as fast as they can."""
    from phosphene.show.live.dynamic_batcher import DynamicBatcher

    model = _model(room, 64 if room.toy else 256)
    batcher = DynamicBatcher(0.004) if together else None
    finished = [0] * count
    times: list[float] = []
    stop = threading.Event()
    ready = threading.Barrier(count + 1)

    def play(number: int) -> None:
        view = model.view(model.inference_config.model_copy())
        caller = None if batcher is None else batcher.caller(view.denoiser())
        stream = _stream(view, caller)
        embeds, noise = view.encode_prompt(f"{PROMPT} {number}"), _noise(view)
        for _ in range(3):
            view.decode(stream.step_latent(noise, embeds))
        ready.wait()
        while not stop.is_set():
            began = time.perf_counter()
            view.decode(stream.step_latent(noise, embeds))
            times.append((time.perf_counter() - began) * 1e3)
            finished[number] += 1

    threads = [threading.Thread(target=play, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    ready.wait()
    began, busy = time.perf_counter(), time.process_time()
    time.sleep(room.seconds)
    stop.set()
    for thread in threads:
        thread.join()
    rate = sum(finished) / (time.perf_counter() - began)
    p50, p95, p99 = (float(np.percentile(times, q)) for q in (50, 95, 99))
    cpu = (time.process_time() - busy) / max(1, sum(finished)) * 1e3
    note = f"{cpu:.1f} ms of CPU a picture; {min(finished)} to {max(finished)} pictures a session"
    return Row(label, rate, p50, p95, p99, memory_mb(room), note=note)
