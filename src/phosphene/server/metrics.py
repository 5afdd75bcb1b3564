"""Gauges of the running sessions, read when Prometheus asks."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from phosphene.server.app_state import AppState

STAGES = ("intake", "step", "finish")


class SessionMetrics(Collector):
    """One sample per session and figure; nothing is kept for sessions that have ended."""

    def __init__(self, app_state: AppState) -> None:
        self._app_state = app_state

    def collect(self) -> Iterator[Metric]:
        """Called by the registry."""
        app_state = self._app_state
        load = app_state.machine.load()
        handles = [
            *app_state.registry.handles,
            *([app_state.registry.house] if app_state.registry.house else []),
        ]
        yield _gauge("sessions", "Sessions performed now.", len(app_state.registry.handles))
        yield _gauge("sockets", "Websockets open now.", len(app_state.connections))
        yield _gauge("cpu_percent", "Load of all processors.", load.cpu_percent)
        yield _gauge("memory_bytes", "Resident memory.", load.memory_mb * 2**20)
        if load.gpu is not None:
            yield _gauge("gpu_memory_bytes", "Memory in use.", load.gpu.memory_mb * 2**20)
        label = ["session"]
        fps = GaugeMetricFamily("phosphene_fps", "Finished pictures a second.", labels=label)
        age = GaugeMetricFamily(
            "phosphene_age_seconds", "From the newest input to the picture.", labels=label
        )
        stage = GaugeMetricFamily(
            "phosphene_stage_seconds", "Time per picture, by stage.", labels=[*label, "stage"]
        )
        waiting = GaugeMetricFamily("phosphene_waiting", "Items between the stages.", labels=label)
        frames = CounterMetricFamily("phosphene_frames", "Finished pictures.", labels=label)
        dropped = CounterMetricFamily("phosphene_dropped", "Inputs replaced.", labels=label)
        for handle in handles:
            stats, name = handle.session.stats(), [handle.id]
            fps.add_metric(name, stats.fps)
            age.add_metric(name, stats.age_ms / 1e3)
            for part in STAGES:
                stage.add_metric([*name, part], getattr(stats, f"{part}_ms") / 1e3)
            stage.add_metric([*name, "jpeg"], handle.channel.meter.ms / 1e3)
            waiting.add_metric(
                name, stats.pictures_waiting + stats.inputs_waiting + stats.latents_waiting
            )
            frames.add_metric(name, stats.frames)
            dropped.add_metric(name, stats.dropped)
        yield from (fps, age, stage, waiting, frames, dropped)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"phosphene_{name}", text, value=value)
