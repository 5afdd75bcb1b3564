"""Reference pictures through an IP-Adapter: diffusers' own pictures, every show, and what does not fit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from phosphene import cli
from phosphene.config import StreamConfig
from phosphene.diffusion.checkpoints.catalogue import pull
from phosphene.diffusion.checkpoints.ip_adapter import find
from phosphene.diffusion.sd.reference import Encoder
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.errors import ModelError
from phosphene.stream.batch import InFlightFrame, Plan, complete
from phosphene.stream.conditioning import Context
from phosphene.stream.guidance import Guidance
from tests.diffusion.sd.adapters import TOKENS, make_adapter, make_encoder
from tests.diffusion.sd.test_parity import NEGATIVE, PROMPT, GeneratorNoise, close, theirs
from tests.diffusion.sd.tools import load, load_xl, noise, pictures, plain, predict, warnings
from tests.show.live.running_shows import quick_config, see_two, show
from tests.video.media import pictures as frames_of

pytestmark = pytest.mark.usefixtures("offline")

SCALE = 0.7


@pytest.fixture(scope="module")
def adapters(trees: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the published repository: ``models`` and ``sdxl_models``, the latter's encoder too wide."""
    root = tmp_path_factory.mktemp("IP-Adapter")
    small, large = plain(trees["eps"]).unet, plain(trees["xl"]).unet
    make_adapter(root / "models/ip-adapter_sd15.safetensors", small)
    make_adapter(root / "models/ip-adapter-plus_sd15.safetensors", small, "plus")
    make_adapter(root / "models/ip-adapter-full-face_sd15.safetensors", small, "full")
    make_encoder(root / "sdxl_models/image_encoder", 28)
    make_adapter(root / "sdxl_models/ip-adapter_sdxl_vit-h.safetensors", large)
    return root


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A wide picture and a tall one."""
    folder, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(3)
    made = []
    for index, shape in enumerate([(40, 70, 3), (90, 50, 3)]):
        path = folder / f"{index}.png"
        Image.fromarray(random.integers(0, 256, shape, np.uint8)).save(path)
        made.append(str(path))
    return made


def with_adapter(tree: Path, root: Path, file: str) -> Any:
    pipe = plain(tree)
    folder, name = file.split("/")
    pipe.load_ip_adapter(
        str(root), subfolder=folder, weight_name=name, image_encoder_folder="models/image_encoder"
    )
    pipe.set_ip_adapter_scale(SCALE)
    return pipe


def drawn(model: Any, steps: int, context: Context | None = None, guidance: float = 1.0) -> Any:
    plan = Plan(
        tuple(model.facts.schedule.steps(steps).tolist()),
        guidance=Guidance("full", guidance),
        add_noise=False,
    )
    flight = InFlightFrame(
        0,
        plan,
        noise(),
        model.encode_prompt(PROMPT),
        negative=model.encode_prompt(NEGATIVE),
        context=context or Context(),
    )
    return complete(flight, model.denoiser(), GeneratorNoise()).x


@pytest.mark.parametrize("kind", ["", "-plus", "-full-face"])
def test_pictures_equal_diffusers_with_and_without_guidance(
    trees: dict[str, Path], adapters: Path, files: list[str], kind: str
) -> None:
    file = f"models/ip-adapter{kind}_sd15.safetensors"
    pipe = with_adapter(trees["eps"], adapters, file)
    settings = {"ip_adapter_id": str(adapters / file), "reference_scale": SCALE}
    shown = [Image.open(each) for each in files]
    model = load(trees["eps"], reference_ids=files, **settings)
    for guidance in (1.0, 5.0):
        expected = theirs(
            pipe,
            4,
            noise(),
            guidance_scale=guidance,
            negative_prompt=NEGATIVE,
            ip_adapter_image=[shown],
        )
        close(drawn(model, 4, guidance=guidance), expected)
    # the input picture is one more reference, after those that are always there
    follows = load(trees["eps"], reference_ids=files[:1], reference="input", **settings)
    frame = pictures(1)
    shown = [shown[0], Image.fromarray(frame[0])]
    expected = theirs(pipe, 2, noise(), guidance_scale=5.0, ip_adapter_image=[shown],
                      negative_prompt=NEGATIVE)  # fmt: skip
    told = follows.told_of(frame)
    assert told.referred.shape == (1, TOKENS[{"": "plain"}.get(kind, kind[1:5])], 32)
    close(drawn(follows, 2, told, 5.0), expected)
    without = drawn(load(trees["eps"]), 2, guidance=5.0)
    assert (expected - without).abs().max() > 1e-2


def test_sdxl_takes_the_encoder_that_fits(
    trees: dict[str, Path], adapters: Path, files: list[str]
) -> None:
    """The folder beside the file holds a wider one, as in the published repository."""
    pipe = with_adapter(trees["xl"], adapters, "sdxl_models/ip-adapter_sdxl_vit-h.safetensors")
    model = load_xl(trees["xl"], ip_adapter_id=str(adapters), reference_ids=files[:1],
                    reference_scale=SCALE)  # fmt: skip
    shown = [Image.open(files[0])]
    _, sigma = model.facts.schedule.levels(999)
    expected = theirs(pipe, 2, noise() / sigma, guidance_scale=0, ip_adapter_image=[shown])
    close(drawn(model, 2), expected)
    assert find(str(adapters), "sdxl").encoder == adapters / "models/image_encoder"


def test_the_hubs_cache_is_asked_as_a_folder_is(
    adapters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network, and with no more than `models pull` fetches."""
    import huggingface_hub.constants

    repo = tmp_path / "models--h94--IP-Adapter"
    here = repo / "snapshots/1"
    shutil.copytree(adapters / "models", here / "models")
    (here / "sdxl_models").mkdir()
    large = "sdxl_models/ip-adapter_sdxl_vit-h.safetensors"
    shutil.copy(adapters / large, here / large)
    (repo / "refs").mkdir()
    (repo / "refs/main").write_text("1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert find("h94/IP-Adapter", "sd1").path == here / "models/ip-adapter_sd15.safetensors"
    assert find("h94/IP-Adapter", "sdxl").encoder == here / "models/image_encoder"
    assert pull(f"h94/IP-Adapter/{large}") == [here / large, here / "models/image_encoder"]


def test_a_picture_is_embedded_once(
    trees: dict[str, Path], adapters: Path, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    embed = Encoder.__call__

    def counted(self: Encoder, given: list[Any]) -> torch.Tensor:
        seen.append(len(given))
        return embed(self, given)

    monkeypatch.setattr(Encoder, "__call__", counted)
    model = load(trees["eps"], ip_adapter_id=str(adapters), reference_ids=files, reference="input")
    stream = StreamDiffusionPipeline(model, StreamConfig(denoising_steps=3, strength=0.8))
    embeds = model.encode_prompt("red")
    for frame in pictures(2):
        stream.generate_frame(frame, embeds)
    assert seen == [2, 1, 1]
    # what frames are told is saved with those on their way
    stream.restore_state(stream.dump_state())
    stream.generate_frame_with_coherence(noise(), embeds)
    assert seen == [2, 1, 1]


def test_every_frame_of_a_stream_batch_keeps_its_own_reference(
    trees: dict[str, Path], adapters: Path
) -> None:
    model = load(trees["eps"], ip_adapter_id=str(adapters), reference="input", reference_scale=1.0)
    embeds, shown = model.encode_prompt("red"), {}
    for batch in (False, True):
        config = StreamConfig(denoising_steps=2, strength=0.6, stream_batch=batch, guidance_mode="full",
                              guidance_scale=3.0, enable_temporal_coherence=False)  # fmt: skip
        stream = StreamDiffusionPipeline(model, config)
        stream.set_negative_prompt("cat")
        out = [stream.step_latent(None, embeds, image=frame) for frame in pictures(4)]
        stream.restore_state(stream.dump_state())
        shown[batch] = [out[0], *out[1 + stream.latency :], *stream.flush_latents()]
    for alone, together in zip(shown[False], shown[True], strict=True):
        close(together, alone)


def test_the_scale_may_change_between_calls(
    trees: dict[str, Path], adapters: Path, files: list[str]
) -> None:
    model = load(trees["eps"], ip_adapter_id=str(adapters), reference_ids=files)
    some = predict(model)
    model.diffusion_config.reference_scale = 0.0
    none = predict(model)
    close(none, predict(load(trees["eps"])))
    model.diffusion_config.reference_scale = 1.2
    twice = predict(model)
    assert (twice - none).norm() > 1.5 * (some - none).norm() > 0


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_exported_networks_see_as_much(
    trees: dict[str, Path],
    adapters: Path,
    files: list[str],
    runtime: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pytest.importorskip("openvino" if runtime == "openvino" else "onnxruntime")
    monkeypatch.setenv("PHOSPHENE_CACHE", str(tmp_path))
    told = {"ip_adapter_id": str(adapters), "reference_ids": files[:1], "reference": "input"}
    plainly, exported = load(trees["eps"], **told), load(trees["eps"], runtime=runtime, **told)
    embeds, t, frame = plainly.encode_prompt("red"), torch.tensor([700.0]), pictures(1)
    # one reference, and two
    for context in (Context(), plainly.told_of(frame)):
        expected = plainly.denoise(noise(), t, embeds, context)
        got = exported.denoise(noise(), t, embeds, context)
        torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3)
    assert warnings(caplog) == []


@pytest.mark.parametrize("tree", ["turbo", "xl"])
def test_shows(
    trees: dict[str, Path], adapters: Path, files: list[str], tree: str, wav: Path, tmp_path: Path
) -> None:
    told = ["--device", "cpu", "--model", str(trees[tree]), "--set", f"diffusion.ip_adapter_id={adapters}",
            "--set", f'diffusion.reference_ids=["{files[0]}"]']  # fmt: skip
    rendered, dreamt, over = (tmp_path / f"{name}.mp4" for name in "rdt")
    small = ["--fps", "2", "--size", "64x64"]
    assert (
        cli.main(["render", str(wav), "-o", str(rendered), "--duration", "1", *small, *told]) == 0
    )
    assert cli.main(["dream", "-o", str(dreamt), "--seconds", "1", *small, *told]) == 0
    asked = ["--set", "diffusion.reference=input"]
    assert cli.main(["transform", str(rendered), "-o", str(over), *asked, *told]) == 0
    for path in (rendered, dreamt, over):
        assert frames_of(path).shape == (2, 64, 64, 3)


def test_live_over_a_camera(trees: dict[str, Path], adapters: Path, files: list[str]) -> None:
    base = load(trees["turbo"], ip_adapter_id=str(adapters), reference_ids=files, reference="input")
    config = quick_config()
    config.live.fps = 30.0
    with show(config, base) as (session, watcher):
        watcher.frames(2)
        see_two(session, watcher)
    assert watcher.errors == []


def test_what_does_not_fit_is_one_sentence(
    trees: dict[str, Path], adapters: Path, files: list[str], tmp_path: Path
) -> None:
    def refused(place: object, tree: str = "eps", **settings: Any) -> str:
        given = {"reference_ids": files[:1]} | settings
        with pytest.raises(ModelError) as error:
            (load_xl if tree == "xl" else load)(trees[tree], ip_adapter_id=str(place), **given)
        assert "\n" not in str(error.value)
        return str(error.value)

    published = adapters / "models/ip-adapter_sd15.safetensors"
    assert "there is no IP-Adapter at" in refused(tmp_path / "none.safetensors")
    assert "is not on this machine" in refused("h94/IP-Adapter")
    assert "no picture that can be a reference" in refused(adapters, reference_ids=["none.png"])
    assert "(text width 32), this model is" in refused(published, "xl")
    assert "no image encoder: put" in refused(shutil.copy(published, tmp_path / "a.safetensors"))
    make_encoder(tmp_path / "image_encoder", 28)
    assert "gives 28 numbers, and the adapter takes 24" in refused(tmp_path / "a.safetensors")
    weights = load_file(published)
    last = max(name for name in weights if name.startswith("ip_adapter."))
    for changes, expected in (
        ({last: None}, "is for another model: its 'ip_adapter."),
        ({"ip_adapter.0.to_k_lora.down.weight": torch.zeros(1)}, "is a FaceID adapter"),
        ({"image_proj.proj.weight": None}, "is no IP-Adapter in its authors' layout"),
        ({"double_blocks.0.a": torch.zeros(1)}, "is for FLUX or SD 3"),
    ):
        save_file({k: v for k, v in (weights | changes).items() if v is not None},
                  tmp_path / "b.safetensors")  # fmt: skip
        shutil.rmtree(tmp_path / "image_encoder", ignore_errors=True)
        make_encoder(tmp_path / "image_encoder")
        assert expected in refused(tmp_path / "b.safetensors")
    (tmp_path / "b.safetensors").write_bytes(published.read_bytes()[:-9])
    assert "is broken" in refused(tmp_path / "b.safetensors")


def test_what_is_not_on_is_said(
    trees: dict[str, Path], adapters: Path, files: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    told = {"ip_adapter_id": str(adapters), "reference_ids": files}
    load(trees["eps"], ip_adapter_id=str(adapters))
    load(trees["eps"], reference_ids=files, reference_cache=True)
    load(trees["eps"], fuse_attention=True, attention="xformers", **told)
    assert [message.split(":")[0] for message in warnings(caplog)] == [
        "ip_adapter_id is off",
        "reference_ids is off",
        "reference_cache is off",
        "fuse_attention is off",
        "attention xformers is off",
    ]
