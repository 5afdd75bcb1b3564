"""The soak, short: every source is played, attackers come, and all figures are there."""

from __future__ import annotations

import json

import pytest

from benchmarks import soak
from benchmarks.attack import served


def test_a_short_soak(tmp_path, capsys) -> None:
    with served(tmp_path / "log", "--size", "64x64") as server:
        samples = soak.soak(server, 10.0, ["leave", "pings"], ["--attackers=1", "--nice=10"])
    assert {sample.act for sample in samples} == set(soak.ACTS)
    assert {sample.attack for sample in samples} >= {"", "leave", "pings"}
    assert max(sample.fps for sample in samples) > 1
    assert any(sample.age_ms > 0 for sample in samples)
    assert all(sample.files > 5 and sample.threads > 2 for sample in samples)
    assert "told" not in capsys.readouterr().out
    assert "Traceback" not in (tmp_path / "log").read_text()
    out = tmp_path / "soak.png"
    soak.draw(samples, "short", out)
    assert out.stat().st_size > 10_000
    assert "memory_mb" in soak.compare(samples)
    json.dumps([soak.asdict(sample) for sample in samples])


def test_a_flat_show_and_one_that_grows() -> None:
    def show(growth: float) -> list[soak.Sample]:
        return [
            soak.Sample(float(k), "dream", "", 30.0, 40.0, 500.0 + growth * k, 20, 40, 3)
            for k in range(80)
        ]

    assert "memory_mb 500.0 -> 500.0" in soak.compare(show(0.0))
    assert "memory_mb 500.0 -> 500.0" not in soak.compare(show(1.0))


@pytest.mark.parametrize("count", [1, 2, 9])
def test_any_length_is_drawn(tmp_path, count) -> None:
    samples = [soak.Sample(k, "see", "idle", 0, float("nan"), 1, 1, 1, 0) for k in range(count)]
    soak.draw(samples, "x", tmp_path / "x.png")
