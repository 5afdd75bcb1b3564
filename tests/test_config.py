"""Settings: defaults, refusals, files, schema."""

import tomllib

import pytest

from phosphene.config import PipelineConfig, StreamConfig
from phosphene.errors import ConfigError


def test_reference_usage() -> None:
    """The names and assignments that the reference's readers know."""
    config = PipelineConfig.balanced_preset()
    config.stream.enable_temporal_coherence = True
    config.stream.temporal_blend_ratio = 0.4
    config.stream.enable_similarity_filter = True
    config.stream.similarity_threshold = 0.95
    config.diffusion.use_tiny_vae = True
    config.diffusion.compile_unet = True
    config.diffusion.enable_channels_last = True
    config.inference.batch_size = 16
    config.inference.height = 384
    assert config.stream.temporal_blend_ratio == 0.4
    assert PipelineConfig.fast_preset() != PipelineConfig.quality_preset()


@pytest.mark.parametrize("name", ["fast", "balanced", "quality"])
def test_toml_round_trip(name: str, tmp_path) -> None:
    config = PipelineConfig.preset(name)
    config.diffusion.model_id = "some/where"
    config.prompt.base_prompt = 'tricky "quotes" \\ and 🎆'
    path = tmp_path / "config.toml"
    config.to_toml(path)
    assert PipelineConfig.from_toml(path) == config


def test_partial_toml_keeps_the_base(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[prompt]\nbase_prompt = "lava"\n')
    config = PipelineConfig.from_toml(path, base=PipelineConfig.quality_preset())
    assert config.prompt.base_prompt == "lava"
    assert config.inference.height == 512


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"stream": {"temporal_blend_ration": 1}}, "did you mean 'temporal_blend_ratio'"),
        ({"steam": {}}, "did you mean 'stream'"),
        ({"stream": {"strength": 7}}, "stream.strength"),
        ({"inference": {"height": 100}}, "inference.height"),
        ({"audio": {"fps": 0}}, "audio.fps"),
        ({"prompt": {"chroma_prompts": ["a"]}}, "12 prompts"),
        ({"audio": {"tempo_min": 100, "tempo_max": 120}}, "twice tempo_min"),
    ],
)
def test_refusals_are_one_clear_sentence(given, expected) -> None:
    with pytest.raises(ConfigError, match=expected) as caught:
        PipelineConfig.from_dict(given)
    assert "\n" not in str(caught.value)


def test_assignment_is_checked() -> None:
    with pytest.raises(ValueError, match="less than or equal"):
        StreamConfig().strength = 3


def test_bad_files(tmp_path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        PipelineConfig.from_toml(tmp_path / "none.toml")
    bad = tmp_path / "bad.toml"
    bad.write_bytes(b"\xff\xfe = [")
    with pytest.raises(ConfigError, match="not valid TOML"):
        PipelineConfig.from_toml(bad)
    with pytest.raises(ConfigError, match="fast, balanced, quality"):
        PipelineConfig.preset("best")


def test_every_field_explains_itself() -> None:
    """Controls are built from the schema, so a field without a description is a blank knob."""
    schema = PipelineConfig.model_json_schema()
    for model in [schema, *schema["$defs"].values()]:
        for name, field in model.get("properties", {}).items():
            if "$ref" in field:
                field = schema["$defs"][field["$ref"].rsplit("/", 1)[-1]]
            assert len(field.get("description", "")) > 10, name


def test_defaults_are_readable_toml() -> None:
    text = PipelineConfig().dumps_toml()
    assert tomllib.loads(text)["audio"]["fps"] == 24.0


def test_suggestions_yield_to_the_user(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[latent]\nfresh = 0.0\n")
    config = PipelineConfig.from_toml(path)
    config.latent.suggest(fresh=0.7, drift=0.5)
    assert config.latent.fresh == 0.0
    assert config.latent.drift == 0.5
    # laying flags over a config must not make everything look set
    config = PipelineConfig.from_dict({"prompt": {"base_prompt": "x"}}, base=PipelineConfig())
    assert "fresh" not in config.latent.model_fields_set
