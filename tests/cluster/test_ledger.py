"""What is known to be finished."""

from __future__ import annotations

from pathlib import Path

from phosphene.cluster.ledger import NAME, Ledger


def test_only_the_very_file_of_the_very_item_counts(tmp_path: Path) -> None:
    out = tmp_path / "a.mp4"
    out.write_bytes(b"video")
    Ledger(tmp_path).add(out, "x", 24)
    ledger = Ledger(tmp_path)
    found = ledger.find(out, "x")
    assert found is not None
    assert found.frames == 24
    assert ledger.find(out, "y") is None
    out.write_bytes(b"other")
    assert ledger.find(out, "x") is None
    out.unlink()
    assert not ledger.knows(out)


def test_a_line_cut_short_is_no_harm(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    Ledger(tmp_path).add(tmp_path / "a.mp4", "x", 1)
    with (tmp_path / NAME).open("a") as file:
        file.write('\n{"out": "b.m')
    ledger = Ledger(tmp_path)
    assert ledger.outs == ["a.mp4"]
    ledger.add(tmp_path / "b.mp4", "x", 1)
    assert Ledger(tmp_path).outs == ["a.mp4", "b.mp4"]
