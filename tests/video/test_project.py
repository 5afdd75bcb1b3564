"""The work folder: what is kept, dropped and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from phosphene.errors import OutputError
from phosphene.video.project import Project, work_folder


def fill(out: Path, count: int, fingerprint: str = "a") -> None:
    with Project(out, fingerprint) as project:
        for index in range(count):
            project.next_path.write_bytes(b"video %d" % index)
            project.add(10 + index, b"state %d" % index)


def test_goes_on_after_the_last_segment(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    fill(out, 3)
    (work_folder(out) / "00003.mp4").write_bytes(b"unfinished")
    with Project(out, "a", resume=True) as project:
        assert project.next_frame == 33
        assert project.state == b"state 2"
        assert [path.read_bytes() for path in project.paths] == [b"video %d" % i for i in range(3)]
        assert not project.next_path.exists()
        project.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["00001.mp4", "00001.state"])
@pytest.mark.parametrize("damage", ["change", "delete"])
def test_damage_drops_a_segment_and_all_after_it(tmp_path: Path, name: str, damage: str) -> None:
    out = tmp_path / "out.mp4"
    fill(out, 3)
    victim = work_folder(out) / name
    if damage == "change":
        victim.write_bytes(b"video 9")
    else:
        victim.unlink()
    with Project(out, "a", resume=True) as project:
        assert project.next_frame == 10
        assert project.state == b"state 0"
        assert project.next_path.name == "00001.mp4"
        assert len(list(project.folder.iterdir())) == 4


def test_finished_work_is_not_lost_by_accident(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    fill(out, 2)
    with pytest.raises(OutputError, match=r"--resume or start again with --overwrite\.$"):
        Project(out, "a")
    with pytest.raises(OutputError, match="other settings"):
        Project(out, "b", resume=True)
    with Project(out, "a", resume=True, overwrite=True) as project:
        assert project.next_frame == 21
    with Project(out, "b", overwrite=True) as project:
        assert project.next_frame == 0
        assert project.state is None


def test_a_folder_without_finished_segments_is_free(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    fill(out, 0)
    with Project(out, "other") as project:
        assert project.next_frame == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"version": 2, "fingerprint": "a", "segments": [3]}',
        '{"version": 2, "fingerprint": "a", "segments": [{"file": "x"}]}',
        '{"version": 2, "fingerprint": "a", "segments": [{"file": "../../x", "frames": 1,'
        ' "sha256": "", "state_file": "y", "state_sha256": ""}]}',
        '{"version": 2, "fingerprint": "a", "segments": [{"file": "x", "frames": -1,'
        ' "sha256": "", "state_file": "y", "state_sha256": ""}]}',
        "\udcff",
    ],
)
def test_garbage_is_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    out = tmp_path / "out.mp4"
    fill(out, 1)
    path = work_folder(out) / "manifest.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    for _ in range(2):  # the lock is let go of
        with pytest.raises(OutputError, match=r"is damaged.*--overwrite\.$"):
            Project(out, "a", resume=True)
    with Project(out, "a", overwrite=True) as project:
        assert project.next_frame == 0


def test_a_folder_of_another_version_is_refused_in_one_sentence(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    fill(out, 1)
    path = work_folder(out) / "manifest.json"
    for version in (1, 99):
        told = json.loads(path.read_text()) | {"version": version}
        path.write_text(json.dumps(told))
        for resume in (True, False):
            with pytest.raises(OutputError, match=r"another version of phosphene.*--overwrite\.$"):
                Project(out, "a", resume=resume)
    assert len(list(work_folder(out).glob("*.mp4"))) == 1


def test_two_renders_do_not_share_a_folder(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with Project(out, "a"):
        with pytest.raises(OutputError, match="another render"):
            Project(out, "a")
        with Project(tmp_path / "other.mp4", "a"):
            pass
    Project(out, "a").close()


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "out.mp4.part").write_bytes(b"precious")
    with pytest.raises(OutputError):
        Project(tmp_path / "out.mp4", "a")
    assert (tmp_path / "out.mp4.part").read_bytes() == b"precious"
