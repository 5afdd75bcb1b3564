"""The profiler counts, measures and forgets what it should."""

import json
import threading
import time

import pytest

from phosphene.profiling import Profiler, get_profiler, memory_mb
from phosphene.profiling.profiler import WINDOW


def test_measures_the_block_and_survives_errors() -> None:
    profiler = Profiler()
    with pytest.raises(KeyError), profiler.profile("sleep"):
        time.sleep(0.02)
        raise KeyError
    times = profiler.times("sleep")
    assert times.calls == 1
    assert 20 <= times.mean_ms < 500
    assert profiler.get_avg_time("sleep") == times.mean_ms
    assert profiler.get_avg_time("never ran") == 0


def test_percentiles_and_order() -> None:
    profiler = Profiler()
    for ms in range(1, 101):
        profiler.record("long", float(ms))
    profiler.record("short", 1.0)
    stages = profiler.summary()
    assert [s.name for s in stages] == ["long", "short"]
    assert stages[0].p50_ms == pytest.approx(50.5)
    assert stages[0].p95_ms == pytest.approx(95.05)
    assert stages[0].total_ms == pytest.approx(5050)


def test_memory_is_bounded_but_counts_are_not() -> None:
    profiler = Profiler()
    for _ in range(WINDOW + 500):
        profiler.record("x", 2.0)
    assert profiler.times("x").calls == WINDOW + 500
    assert len(profiler._stages["x"].recent) == WINDOW


def test_threads_lose_nothing() -> None:
    profiler = Profiler()

    def work() -> None:
        for _ in range(500):
            profiler.record("x", 1.0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert profiler.times("x").calls == 2000


def test_json_and_table(tmp_path, capsys) -> None:
    profiler = Profiler()
    profiler.record("unet_forward", 3.0)
    profiler.export_json(tmp_path / "profile.json")
    report = json.loads((tmp_path / "profile.json").read_text())
    assert report["stages"][0]["name"] == "unet_forward"
    assert report["stages"][0]["mean_ms"] == 3.0
    assert report["memory_mb"]["resident"] > 5
    profiler.print_summary()
    assert "unet_forward" in capsys.readouterr().out
    profiler.reset()
    assert profiler.summary() == []


def test_one_shared_profiler_and_memory() -> None:
    assert get_profiler() is get_profiler()
    block = bytearray(50_000_000)
    held = memory_mb()["resident"]
    assert held > len(block) / 1e6
