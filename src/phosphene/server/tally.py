"""Counters of one server, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class Tally:
    """Counts what happens; each server has its own registry, so that several fit in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.connections = self._counter("connections", "Websockets accepted, by role.", "role")
        self.turned_away = self._counter("turned_away", "Clients refused, by reason.", "code")
        self.refused = self._counter("refused_messages", "Messages refused, by reason.", "code")
        self.received = self._counter("received_bytes", "Bytes received over websockets.")
        self.sent = self._counter("sent_bytes", "Bytes sent over websockets.")
        self.pictures = self._counter("sent_pictures", "Pictures sent over websockets.")
        self.songs = self._counter("songs", "Songs uploaded, by outcome.", "state")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"phosphene_{name}", text, labels, registry=self.registry)
