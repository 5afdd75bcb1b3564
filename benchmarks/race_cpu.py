"""Who draws a picture fastest here: phosphene, diffusers, StreamDiffusion, diffusers' OpenVINO pipeline.

    python benchmarks/race_cpu.py                             SD-Turbo and SDXS, 256 and 512
    python benchmarks/race_cpu.py --models sdxs --sizes 256   the shortest
    python benchmarks/race_cpu.py --toy                       tiny networks: whether everything runs
    python benchmarks/race_cpu.py --device cuda               the same on an NVIDIA GPU

Image to image, one step, the tiny autoencoder, a prompt encoded once, bytes in and out; real architectures,
the same random weights (speed does not hang on values). Every runner has a process of its own, so that the
peak memory is its own; all run one after the other, and the fastest of several pictures counts, since what
else the machine does only adds. For all of them:

    pip install 'phosphene[openvino]' optimum-intel streamdiffusion==0.1.1

(optimum-intel asks for transformers before 5, that StreamDiffusion for diffusers 0.24, transformers 4.39,
huggingface_hub before 0.26, NumPy 1 and torchvision: --python RUNNER=PATH takes another environment for a
runner). Where the processor counts in bfloat16, phosphene does with torch and OpenVINO, and so does optimum's
pipeline by OpenVINO's default; diffusers is run in both formats.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

PROMPT = "a garden of glass at dusk"
STRENGTH = 0.5
LIBRARIES = (
    "torch", "diffusers", "onnxruntime", "openvino", "streamdiffusion", "optimum-intel",
)  # fmt: skip
AHEAD = 1.2
"""times as fast as each of the others: what is promised"""
Draw = Callable[[Any], Any]
"""a picture (h w 3) uint8 in, one out"""


def phosphene(runtime: str) -> Callable[[Path, int, str], Draw]:
    def make(tree: Path, size: int, device: str) -> Draw:
        from phosphene.config import DiffusionConfig, InferenceConfig, StreamConfig
        from phosphene.diffusion.registry import load_pipeline
        from phosphene.diffusion.stream import StreamDiffusionPipeline

        config = DiffusionConfig(model=str(tree), device=device, runtime=runtime)
        model = load_pipeline(config, InferenceConfig(height=size, width=size))
        settings = StreamConfig(
            denoising_steps=1, strength=STRENGTH, enable_temporal_coherence=False
        )
        stream = StreamDiffusionPipeline(model, settings)
        embeds = model.encode_prompt(PROMPT)
        return lambda picture: stream.generate_frame(picture, embeds)

    return make


def _pipe(tree: Path, device: str, kind: str, format_on_cpu: str = "float32") -> Any:
    import diffusers
    import torch

    dtype = torch.float16 if device == "cuda" else getattr(torch, format_on_cpu)
    unused = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    pipe = getattr(diffusers, kind).from_pretrained(tree, torch_dtype=dtype, **unused)
    pipe.vae = diffusers.AutoencoderTiny.from_pretrained(tree / "taesd", torch_dtype=dtype)
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(device)


def plain_diffusers(tree: Path, size: int, device: str, format_on_cpu: str = "float32") -> Draw:
    """As its users run it."""
    import numpy as np
    from PIL import Image

    pipe = _pipe(tree, device, "StableDiffusionImg2ImgPipeline", format_on_cpu)
    embeds = pipe.encode_prompt(PROMPT, device, 1, False)[0]

    def draw(picture: Any) -> Any:
        out = pipe(
            prompt_embeds=embeds,
            image=Image.fromarray(picture),
            strength=STRENGTH,
            num_inference_steps=round(1 / STRENGTH),
            guidance_scale=0.0,
        )
        return np.asarray(out.images[0])

    return draw


def stream_diffusion(tree: Path, size: int, device: str) -> Draw:
    """The published package."""
    import numpy as np
    import torch
    from streamdiffusion import StreamDiffusion
    from streamdiffusion.image_utils import postprocess_image

    if device != "cuda":
        # it times itself with CUDA's events
        class Event:
            def __init__(self, **_: Any) -> None:
                pass

            def record(self) -> None:
                pass

            def elapsed_time(self, _: Any) -> float:
                return 1.0

        torch.cuda.Event, torch.cuda.synchronize = Event, lambda *_: None  # type: ignore[misc, assignment]
    pipe = _pipe(tree, device, "StableDiffusionPipeline")
    stream = StreamDiffusion(
        pipe, [25], torch_dtype=pipe.unet.dtype, width=size, height=size, cfg_type="none"
    )
    stream.prepare(PROMPT, num_inference_steps=50)

    def draw(picture: Any) -> Any:
        given = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255.0
        return np.asarray(postprocess_image(stream(given), output_type="pil")[0])

    return draw


def openvino_pipeline(tree: Path, size: int, device: str) -> Draw:
    """What FastSD CPU stands on, with the tiny autoencoder in the place of the full one, as it has it."""
    import diffusers
    import numpy as np
    from optimum.intel import OVStableDiffusionImg2ImgPipeline
    from PIL import Image

    copy = tree.with_name(tree.name + "-exportable")
    pipe = _pipe(tree, "cpu", "StableDiffusionPipeline")
    tiny = pipe.vae
    if not copy.is_dir():
        # it exports no tiny ones: what is exported here is never called
        pipe.vae = diffusers.AutoencoderKL(
            block_out_channels=(8,) * 4,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            norm_num_groups=8,
        )
        pipe.save_pretrained(copy)
    pipe = OVStableDiffusionImg2ImgPipeline.from_pretrained(copy, export=True, compile=False)
    # a batch of any size, as FastSD CPU has it: for one of 1 two are made, for guidance
    pipe.reshape(batch_size=-1, height=size, width=size, num_images_per_prompt=1)
    for part, net, shape, said in (
        (pipe.vae.encoder, tiny.encoder, (1, 3, size, size), "latent_sample"),
        (pipe.vae.decoder, tiny.decoder, (1, 4, size // 8, size // 8), "sample"),
    ):
        part.model = _in_openvino(net, shape, part.model.inputs[0].any_name, said)
    pipe.vae.config.scaling_factor = tiny.config.scaling_factor
    pipe.compile()
    embeds = pipe.encode_prompt(PROMPT, "cpu", 1, False)[0]

    def draw(picture: Any) -> Any:
        out = pipe(
            prompt_embeds=embeds,
            image=Image.fromarray(picture),
            strength=STRENGTH,
            num_inference_steps=round(1 / STRENGTH),
            guidance_scale=0.0,
        )
        return np.asarray(out.images[0])

    return draw


def _in_openvino(net: Any, shape: tuple[int, ...], given: str, said: str) -> Any:
    """A torch network of one picture as OpenVINO's, with these names for what goes in and comes out."""
    import openvino
    import torch

    model = openvino.convert_model(net.eval(), example_input=torch.zeros(shape))
    model.reshape({0: shape})
    model.inputs[0].get_tensor().set_names({given})
    model.outputs[0].get_tensor().set_names({said})
    return model


RUNNERS: dict[str, Callable[[Path, int, str], Draw]] = {
    "phosphene": phosphene("torch"),
    "phosphene-onnx": phosphene("onnx"),
    "phosphene-openvino": phosphene("openvino"),
    "diffusers": plain_diffusers,
    "diffusers-bfloat16": partial(plain_diffusers, format_on_cpu="bfloat16"),
    "streamdiffusion": stream_diffusion,
    "optimum-openvino": openvino_pipeline,
}


def run(name: str, tree: Path, size: int, device: str, pictures: int) -> dict[str, Any]:
    """Load, draw, and say what it took."""
    import logging

    import numpy as np

    logging.basicConfig(level=logging.WARNING)
    began = time.perf_counter()
    draw = RUNNERS[name](tree, size, device)
    random = np.random.default_rng(0)
    frames = [random.integers(0, 256, (size, size, 3), np.uint8) for _ in range(pictures + 1)]
    out = draw(frames[0])
    first = time.perf_counter() - began
    assert out.shape == (size, size, 3), out.shape
    took, processor = [], []
    for frame in frames[1:]:
        start, busy = time.perf_counter(), time.process_time()
        draw(frame)
        took.append(time.perf_counter() - start)
        processor.append(time.process_time() - busy)
    return {
        "seconds": min(took),
        "processor_seconds": min(processor),
        "first_picture": first,
        "memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def race(args: argparse.Namespace) -> list[dict[str, Any]]:
    from gpu.networks import make_tree

    pythons = dict(each.split("=", 1) for each in args.python)
    results = []
    for model in args.models:
        tree = make_tree(args.trees / f"{model}{'-toy' if args.toy else ''}", model, args.toy)
        for size in args.sizes:
            for name in args.runners:
                if args.device != "cpu" and name == "diffusers-bfloat16":
                    continue
                command = [pythons.get(name, sys.executable), __file__, "--one", name, str(tree)]
                command += [str(64 if args.toy else size), args.device, str(args.pictures)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                row: dict[str, Any] = {"model": model, "size": size, "runner": name}
                if done.returncode:
                    row["failed"] = (done.stderr.strip().splitlines() or ["?"])[-1][:160]
                else:
                    row |= json.loads(done.stdout.strip().splitlines()[-1])
                    row["said"] = [line for line in done.stderr.splitlines() if " is off" in line]
                results.append(row)
                print(json.dumps(row), file=sys.stderr, flush=True)
    return results


def table(results: list[dict[str, Any]]) -> str:
    """Ratios are to the fastest phosphene of the same model and size: over 1 it is slower than that."""
    lines = [
        "| model | size | runner | s a picture | ratio | processor s | first picture s | peak GB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in results:
        start = f"| {row['model']} | {row['size']} | {row['runner']} |"
        if "failed" in row:
            lines.append(f"{start} {row['failed']} | | | | |")
            continue
        ours = best(results, row["model"], row["size"])
        ratio = f"{row['seconds'] / ours:.2f}" if ours else "-"
        lines.append(
            f"{start} {row['seconds']:.3f} | {ratio} | {row['processor_seconds']:.2f} |"
            f" {row['first_picture']:.1f} | {row['memory_gb']:.1f} |"
        )
    return "\n".join(lines)


def best(results: list[dict[str, Any]], model: str, size: int) -> float | None:
    ours = [
        row["seconds"]
        for row in results
        if (row["model"], row["size"]) == (model, size)
        and row["runner"].startswith("phosphene")
        and "failed" not in row
    ]
    return min(ours, default=None)


def main() -> None:
    if "--one" in sys.argv:
        name, tree, size, device, pictures = sys.argv[sys.argv.index("--one") + 1 :]
        told = run(name, Path(tree), int(size), device, int(pictures))
        print(json.dumps(told))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--models", nargs="+", default=["sd-turbo", "sdxs"], choices=["sd-turbo", "sdxs"]
    )
    parser.add_argument("--sizes", nargs="+", type=int, default=[256, 512])
    parser.add_argument("--runners", nargs="+", default=list(RUNNERS), choices=list(RUNNERS))
    parser.add_argument("--pictures", type=int, default=5)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--toy", action="store_true", help="tiny networks of 64x64")
    parser.add_argument("--python", nargs="*", default=[], metavar="RUNNER=PATH")
    parser.add_argument("--trees", type=Path, help="keep the checkpoints here")
    parser.add_argument("--json", type=Path, help="write the results here")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        args.trees = args.trees or Path(temporary)
        os.environ.setdefault("PHOSPHENE_CACHE", str(args.trees / "cache"))
        results = race(args)
    told = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: version(name) for name in LIBRARIES},
        "ahead_by": AHEAD,
        "results": results,
    }  # fmt: skip
    if args.json:
        args.json.write_text(json.dumps(told, indent=1))
    print(table(results))


def version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
