"""`phosphene words`: nobody types into the void."""

from __future__ import annotations

import pytest

from phosphene.cli import main
from phosphene.diffusion.lsd.render import FAMILIES


def test_all_there_is_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["words"]) == 0
    told = capsys.readouterr().out
    for family in FAMILIES.values():
        assert family.words[0] in told
    for word in ("mandala", "neon", "turquoise", "#rrggbb"):
        assert word in told


def test_a_prompt_is_read_aloud(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["words", "crimson mandala of fire", "my grandmother"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "mandala of fire; colours: #c8102e" in first
    assert "the nearest in meaning; colours: its own" in second
