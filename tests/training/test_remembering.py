"""A network of the present kind receives its memory through whole shows, not only when it is asked alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import av
import numpy as np
import pytest

pytest.importorskip("torch")

from phosphene import cli
from phosphene.config import DiffusionConfig, InferenceConfig, PipelineConfig
from phosphene.diffusion import StreamDiffusionPipeline, load_pipeline
from phosphene.diffusion.lsd.feeds import Feeds, quantise
from phosphene.diffusion.lsd.nets import LsdNets
from phosphene.stream.memory import SLOTS, STRIDE
from tests.training.conftest import Trained


@dataclass
class Spy:
    """What the network was told in each call, in its graph's own names."""

    calls: list[dict[str, np.ndarray]] = field(default_factory=list)


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spy]:
    """The network itself still answers."""
    seen, predict = Spy(), LsdNets._predict

    def watching(self: LsdNets, given: Feeds) -> np.ndarray:
        seen.calls.append({name: value.copy() for name, value in given.items()})
        return predict(self, given)

    monkeypatch.setattr(LsdNets, "_predict", watching)
    yield seen
    seen.calls.clear()


def settings(trained: Trained, tmp_path) -> str:
    path = tmp_path / "small.toml"
    path.write_text(
        f"[diffusion]\nmodel_id = '{trained.out / 'weights'}'\nthreads = 1\n"
        "[inference]\nwidth = 64\nheight = 64\n[video]\nsegment_seconds = 0.5\ncrf = 0\n"
        # every frame asks the network, also where the guide is firm
        "[stream]\ndraw_interval = 1\n"
    )
    return str(path)


def examine(calls: list[dict[str, np.ndarray]], frames: int) -> None:
    """One step a frame after the first; both last outputs and an ageing memory in each."""
    told = calls[-(frames - 1) :]
    assert all(call["memory"].shape[1] == SLOTS for call in told)
    assert [call["has_history"].tolist() for call in told[:3]] == [[[1, 0]], [[1, 1]], [[1, 1]]]
    ages = np.concatenate([call["memory_age"] for call in told])
    assert ages[:, 0].tolist() == list(range(1, frames))
    assert ages[-1].tolist() == [frames - 1, 0, *[frames - 1 - k * STRIDE for k in (1, 2)]]
    for before, after in pairwise(told):
        same = np.array_equal(before["memory"], after["memory"])
        assert same == (after["memory_age"].max(initial=0) > 0 and 1 not in after["memory_age"])


def test_a_dream_remembers(trained: Trained, spy: Spy, tmp_path) -> None:
    out = tmp_path / "dream.mp4"
    config = settings(trained, tmp_path)
    arguments = ["dream", "-o", str(out), "--seconds", "1.5", "--prompt", "nebula"]
    assert cli.main([*arguments, "--config", config]) == 0
    with av.open(str(out)) as file:
        assert sum(1 for _ in file.decode(video=0)) == 36
    examine(spy.calls, 36)


def test_a_new_prompt_begins_the_memory_anew(trained: Trained, spy: Spy, tmp_path) -> None:
    prompts = ["--prompt", "nebula", "--prompt", "0.5:gold spiral"]
    arguments = ["dream", "-o", str(tmp_path / "d.mp4"), "--seconds", "1.25", *prompts]
    assert cli.main([*arguments, "--config", settings(trained, tmp_path)]) == 0
    ages = [call["memory_age"].max(initial=0) for call in spy.calls[-29:]]
    # frame 12 forgets; half a second later the picture is the new prompt's
    assert ages == [*range(1, 12), *[0] * (STRIDE + 1), *range(1, 6)]


def test_a_rendered_song_remembers_and_goes_on_as_if_nothing_had_been(
    trained: Trained, spy: Spy, wav, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings(trained, tmp_path)

    def render(name: str, *more: str) -> int:
        return cli.main(["render", str(wav), "-o", str(tmp_path / name), "--config", config, *more])

    assert render("whole.mp4") == 0
    examine(spy.calls[-47:][:36], 37)

    sharpen, count = LsdNets.sharpen, 0

    def failing(self: LsdNets, fields: np.ndarray) -> np.ndarray:
        nonlocal count
        count += 1
        if count > 31:
            raise KeyboardInterrupt
        return sharpen(self, fields)

    with monkeypatch.context() as broken:
        broken.setattr(LsdNets, "sharpen", failing)
        assert render("broken.mp4") == 130
    assert render("broken.mp4", "--resume") == 0
    frames = []
    for name in ("whole.mp4", "broken.mp4"):
        with av.open(str(tmp_path / name)) as file:
            frames.append([f.to_ndarray(format="rgb24") for f in file.decode(video=0)])
    assert len(frames[0]) == 48
    np.testing.assert_array_equal(*frames)


def test_an_input_picture_and_both_outputs_arrive_as_they_were(trained: Trained, spy: Spy) -> None:
    base = load_pipeline(
        DiffusionConfig(model_id=str(trained.out / "weights"), threads=1),
        InferenceConfig(height=64, width=64),
    )
    config = PipelineConfig()
    base.suggest(config)
    stream = StreamDiffusionPipeline(base, config.stream)
    embeds = stream.encode_prompt("nebula")
    rng = np.random.default_rng(0)
    drawn = [
        stream.step_latent(
            rng.standard_normal(stream.get_latent_shape()).astype(np.float32), embeds
        )
        for _ in range(3)
    ]
    source = rng.standard_normal(stream.get_latent_shape()).astype(np.float32)
    stream.step_latent(None, embeds, source=source, strength=0.5)
    told = spy.calls[-1]
    np.testing.assert_array_equal(told["source"], source)
    assert told["has_source"].tolist() == [1]
    np.testing.assert_array_equal(told["history"][:, 0], quantise(drawn[2]))
    np.testing.assert_array_equal(told["history"][:, 1], quantise(drawn[1]))
    np.testing.assert_array_equal(told["memory"][:, 0], drawn[0])
