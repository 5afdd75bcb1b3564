"""What Scope asks of a plugin, and what it does to one."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from pydantic_core import PydanticUndefined

from phosphene.integrations.scope.offers import OFFERS
from tests.integrations.scope.host import picture, points, see, stamp, until

BUILT_IN = "phosphene"
DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
ROWS = {
    "phosphene-sd": {
        *("model", "prompt", "negative_prompt", "base_seed", "guidance_scale", "strength", "delta"),
        *("num_inference_steps", "width", "height", "batch_denoising", "add_noise", "use_lcm_lora"),
        *("similar_image_filter", "similar_image_threshold", "acceleration", "model_path"),
    },
    BUILT_IN: {"prompt", "negative_prompt", "base_seed", "guidance_scale", "strength", "width"},
}


def test_one_entry_point():
    # a second one would have the whole package refused
    assert [point.value for point in points()] == ["phosphene.integrations.scope.plugin"]


def test_listed_beside_the_others(listed):
    assert {offer.id for offer in OFFERS} <= listed.keys()


def test_nothing_heavy_before_a_pipeline_is_made():
    program = (
        "import sys; before = set(sys.modules); import phosphene.integrations.scope.offers;"
        "new = set(sys.modules) - before;"
        "print(*(new & {'torch', 'diffusers', 'onnxruntime', 'av', 'matplotlib', 'fastapi'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: offer.id)
def test_schema(listed, offer):
    schema = listed[offer.id].get_config_class().get_schema_with_metadata()["config_schema"]
    shown = {name: field for name, field in schema["properties"].items() if "ui" in field}
    assert ROWS[offer.id] <= shown.keys()
    for knob in offer.knobs:
        field = shown[knob.name]
        assert field["description"] and field["ui"]["label"] and "order" in field["ui"]
        # a nullable or referenced type would lose its bounds and choices in OSC and DMX
        assert "anyOf" not in field and "$ref" not in field
        if field["type"] in ("number", "integer"):
            assert {"minimum", "maximum"} <= field.keys()
            assert field["ui"].get("modulatable", False) is not field["ui"]["is_load_param"]
    orders = [shown[knob.name]["ui"]["order"] for knob in offer.knobs]
    assert orders == sorted(orders)


def test_load_and_run_time_parameters_are_told_apart(listed):
    fields = listed["phosphene-sd"].get_config_class().model_json_schema()["properties"]
    load = {name for name, field in fields.items() if field.get("ui", {}).get("is_load_param")}
    assert {"model", "model_path", "use_lcm_lora", "acceleration"} <= load
    assert not load & {"prompt", "strength", "guidance_scale", "base_seed", "delta"}
    assert fields["strength"]["maximum"] == 1.2
    assert fields["similar_image_threshold"]["minimum"] == 0.9


def test_built_in_model_needs_no_diffusers(listed, make):
    node = make(BUILT_IN, width=128, height=128)
    see(node, 90)
    until(node, lambda answer: True)
    # this process may have loaded it for other tests
    program = (
        "import sys; import phosphene.integrations.scope.session as session;"
        "from phosphene.integrations.scope.offers import OFFERS;"
        "one = session.ScopeSession(OFFERS[0], {}); one.close(); print('diffusers' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_a_picture_comes_back_with_its_time(make):
    node = make(BUILT_IN, width=128, height=192)
    node.prepare(video=True, input_mode="video")
    see(node, 90, pts=7, init_cache=True)
    answer = until(node, lambda answer: True)
    video = answer["video"]
    assert video.shape == (1, 192, 128, 3) and video.dtype == torch.uint8
    assert answer["video_timestamps"] == [stamp(7)]


def test_prepare_asks_for_one_picture_unless_one_is_finished(make, loader):
    node = make(BUILT_IN)
    assert node.prepare(input_mode="text") is None
    assert node.prepare(video=True, input_mode="video").input_size == 1
    see(node, 5)
    node._session._worker._thread.join(0)
    while node.prepare(video=True) is not None:
        loader.made[0].begun.acquire(timeout=0.01)
    assert node(input_mode="video")["video"] is not None
    assert node.prepare(video=True).input_size == 1


def test_text_mode_draws_without_input(make):
    node = make(BUILT_IN, width=128, height=128)
    node.prepare(input_mode="text")
    answer = until_text(node)
    assert answer["video"].shape == (1, 128, 128, 3)
    assert "video_timestamps" not in answer


def until_text(node, **parameters):
    for _ in range(3000):
        answer = node(input_mode="text", **parameters)
        if answer["video"] is not None:
            return answer
    raise AssertionError("nothing was drawn")


def test_sizes_of_the_source_may_change(make):
    node = make(BUILT_IN, width=128, height=128)
    node.prepare(video=True)
    shapes = [(48, 64), (480, 640), (1, 1), (64, 48), (17, 301)]
    for pts, (height, width) in enumerate(shapes):
        node(video=[picture(99, height, width)], video_timestamps=[stamp(pts)])
        answer = until(node, lambda answer, pts=pts: answer["video_timestamps"] == [stamp(pts)])
        assert answer["video"].shape == (1, 128, 128, 3)


def test_size_of_the_picture_may_change(make, loader):
    node = make(BUILT_IN)
    node.prepare(video=True)
    see(node, pts=1, width=130.0, height="96")
    answer = until(node, lambda answer: answer["video_timestamps"] == [stamp(1)])
    assert answer["video"].shape == (1, 96, 128, 3)
    see(node, pts=2, width=4000, height=96)
    answer = until(node, lambda answer: answer["video_timestamps"] == [stamp(2)])
    assert answer["video"].shape == (1, 96, 512, 3)
    assert len(loader.asked) == 1


@pytest.mark.parametrize(
    "tensor",
    [
        torch.rand(1, 40, 50, 3),
        torch.full((40, 50, 3), 200, dtype=torch.uint8),
        torch.zeros(2, 40, 50, 3),
        torch.zeros(1, 40, 50, 4, dtype=torch.uint8),
        torch.full((1, 40, 50, 1), float("nan")),
    ],
    ids=["floats", "no batch", "two", "alpha", "grey of nan"],
)
def test_any_picture_will_do(make, loader, tensor):
    node = make(BUILT_IN)
    node.prepare(video=True)
    node(video=[tensor])
    assert until(node, lambda answer: True)["video"].shape == (1, 512, 512, 3)


@pytest.mark.parametrize("device", DEVICES)
def test_answers_where_the_picture_is(make, device):
    node = make(BUILT_IN, width=128, height=128)
    node.prepare(video=True)
    node(video=[picture(50).to(device)])
    assert until(node, lambda answer: True)["video"].device.type == device


def test_undefined_defaults_and_unknown_keys(make, loader):
    node = make(BUILT_IN, strength=PydanticUndefined, nonsense=object(), prompts=None)
    node.prepare(video=True)
    see(node, noise_scale=0.7, denoising_step_list=[700, 500], graph={}, pipeline_ids=["x"])
    until(node, lambda answer: True)


def test_empty_list_of_pictures(make, loader):
    node = make(BUILT_IN)
    node.prepare(video=True)
    assert node(video=[], video_timestamps=[], input_mode="video")["video"] is None


def test_init_cache_forgets_the_last_picture(make, loader):
    node = make(BUILT_IN, limit_flashes=False)
    node.prepare(video=True)
    painters = []
    for pts, reset in enumerate([True, False, True]):
        see(node, 40, pts, init_cache=reset)
        until(node, lambda answer, pts=pts: answer["video_timestamps"] == [stamp(pts)])
        painters.append(node._session._worker._painter._stream.state.frame)
    assert painters == [1, 2, 1]


def test_hook_never_raises(monkeypatch):
    from phosphene.integrations.scope import plugin

    def refuse(_):
        raise TypeError("this host is another one")

    plugin.register_pipelines(register=refuse)
