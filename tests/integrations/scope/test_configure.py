"""Parameters become settings."""

from __future__ import annotations

import pytest

from phosphene.config.fields import bounds, value_at
from phosphene.integrations.scope.configure import configured as settings
from phosphene.integrations.scope.offers import OFFERS
from phosphene.integrations.scope.parameters import MODELS
from phosphene.integrations.scope.values import Values
from phosphene.show.mapping import mapping_names

BUILT_IN, SD = OFFERS


def configured(offer, **given):
    values = Values(offer.knobs).updated(given)
    return settings(values, offer.checkpoint(values))


def test_every_model_of_the_menu():
    for name, (place, lora) in MODELS.items():
        diffusion = configured(SD, model=name).diffusion
        assert (diffusion.model, diffusion.lora_id) == (place, lora)


def test_own_model_goes_before_the_menu():
    assert configured(SD, model="SDXL", model_path=" some/model ").diffusion.model == "some/model"


@pytest.mark.parametrize(
    ("name", "lora"),
    [
        ("SD 1.5", "latent-consistency/lcm-lora-sdv1-5"),
        ("SDXL", "latent-consistency/lcm-lora-sdxl"),
        ("SD-Turbo", None),
    ],
)
def test_lcm_lora(name, lora, caplog):
    assert configured(SD, model=name, use_lcm_lora=True).diffusion.lora_id == lora
    # what is off says so
    assert ("use_lcm_lora is off" in caplog.text) is (lora is None)


def test_acceleration():
    assert configured(SD, acceleration="xformers").diffusion.attention == "xformers"
    assert configured(SD, acceleration="tensorrt").diffusion.runtime == "tensorrt"
    plain = configured(SD).diffusion
    assert (plain.attention, plain.runtime) == ("sdpa", "torch")


def test_what_is_left_to_the_model_stays_unset():
    unset = {"denoising_steps", "guidance_scale", "guidance_mode", "add_noise"}
    for offer in OFFERS:
        assert not unset & configured(offer).stream.model_fields_set
    told = configured(SD, num_inference_steps=2, guidance_scale=5, add_noise="off").stream
    assert unset <= told.model_fields_set
    assert (told.denoising_steps, told.guidance_mode, told.add_noise) == (2, "full", False)


def test_ends_of_the_ranges():
    stream = configured(BUILT_IN, strength=1.2, similar_image_threshold=1.0).stream
    assert stream.strength == 1.0
    assert stream.similarity_threshold < 1.0


@pytest.mark.parametrize(("pixels", "side"), [(1, 64), (64, 64), (250, 248), (513, 512)])
def test_any_side_is_one_that_settings_take(pixels, side):
    assert configured(SD, width=pixels).inference.width == side


@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: offer.id)
def test_every_knob_of_a_setting_reaches_it_at_both_ends(offer):
    for knob in offer.knobs:
        if not knob.path:
            continue
        for end in (knob.low, knob.high) if knob.low is not None else knob.choices:
            told = value_at(configured(offer, **{knob.name: end}), knob.path)
            if end == knob.auto:
                continue
            if isinstance(end, str):
                assert told == {"on": True, "off": False}.get(end, end)
            else:
                low, high = bounds(knob.path)
                assert told == min(high, max(low, end))


def test_a_mapping_is_chosen_by_its_name():
    knob = next(knob for knob in BUILT_IN.knobs if knob.path == "react.mapping")
    assert "default" in knob.choices and set(knob.choices) <= set(mapping_names())
    assert configured(BUILT_IN, mapping="Default").react.mapping == "default"


def test_defaults_are_in_their_ranges():
    for offer in OFFERS:
        for knob in offer.knobs:
            assert knob.read(knob.default, None) == knob.default
