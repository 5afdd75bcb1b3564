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
        '{"version": 3, "fingerprint": "a", "segments": [3]}',
        '{"version": 3, "fingerprint": "a", "segments": [{"file": "x"}]}',
        '{"version": 3, "fingerprint": "a", "segments": [{"file": "../../x", "frames": 1,'
        ' "sha256": "", "state_file": "y", "state_sha256": ""}]}',
        '{"version": 3, "fingerprint": "a", "segments": [{"file": "x", "frames": -1,'
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


def precious(folder: Path) -> Path:
    """A stranger's folder; everything in it must stay."""
    folder.mkdir()
    for name in ("letter.txt", "00000.mp4", "00000.state", "unfinished.mp4"):
        (folder / name).write_bytes(b"precious")
    (folder / "sub").mkdir()
    (folder / "sub" / "more.txt").write_bytes(b"precious")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("manifest", [None, "{}", '{"name": "an app", "version": 3}', "no JSON"])
@pytest.mark.parametrize("flags", [{}, {"resume": True}, {"overwrite": True}])
def test_the_folder_of_somebody_else_is_refused(
    tmp_path: Path, manifest: str | None, flags: dict[str, bool]
) -> None:
    folder = precious(tmp_path / "out.mp4.part")
    if manifest is not None:
        (folder / "manifest.json").write_text(manifest)
    before = contents(folder)
    with pytest.raises(OutputError, match="no render of phosphene made"):
        Project(tmp_path / "out.mp4", "a", **flags)
    assert contents(folder) == before


@pytest.mark.parametrize("flags", [{}, {"resume": True}, {"overwrite": True}])
@pytest.mark.parametrize("exists", [True, False])
def test_a_link_in_place_of_the_folder_is_not_followed(
    tmp_path: Path, flags: dict[str, bool], exists: bool
) -> None:
    target = tmp_path / "elsewhere"
    if exists:
        precious(target)
        (target / "manifest.json").write_text('{"version": 1, "fingerprint": "a", "segments": []}')
    before = contents(target)
    work_folder(tmp_path / "out.mp4").symlink_to(target)
    with pytest.raises(OutputError, match="is a link"):
        Project(tmp_path / "out.mp4", "a", **flags)
    assert contents(target) == before
    assert target.exists() == exists


@pytest.mark.parametrize("name", ["lock", "manifest.json"])
def test_a_linked_lock_or_manifest_is_refused(tmp_path: Path, name: str) -> None:
    out, target = tmp_path / "out.mp4", tmp_path / "precious"
    fill(out, 1)
    (work_folder(out) / name).rename(target)
    before = target.read_bytes()
    (work_folder(out) / name).symlink_to(target)
    with pytest.raises(OutputError):
        Project(out, "a", overwrite=True)
    assert target.read_bytes() == before


@pytest.mark.parametrize(
    "name", ["00000.mp4", "00001.mp4", "00000.state", "unfinished.mp4", "manifest.json.new"]
)
@pytest.mark.parametrize("exists", [True, False])
def test_nothing_is_written_or_read_through_a_link(tmp_path: Path, name: str, exists: bool) -> None:
    out, target = tmp_path / "out.mp4", tmp_path / "precious"
    fill(out, 1)
    if exists:
        target.write_bytes(b"precious")
    link = work_folder(out) / name
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    with Project(out, "a", resume=True) as project:
        assert project.next_frame == (0 if name.startswith("00000") else 10)
        assert not project.next_path.is_symlink()
        project.next_path.write_bytes(b"video")
        project.add(10, b"state")
        project.remove()
    assert target.exists() == exists
    assert not exists or target.read_bytes() == b"precious"


def test_what_others_put_into_a_render_s_folder_stays(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    fill(out, 2)
    folder = work_folder(out)
    (folder / "notes.txt").write_bytes(b"precious")
    (folder / "linked").symlink_to(precious(tmp_path / "elsewhere"))
    with Project(out, "a", overwrite=True) as project:
        project.remove()
    assert sorted(p.name for p in folder.iterdir()) == ["linked", "notes.txt"]
    assert len(contents(tmp_path / "elsewhere")) == 5


def test_of_large_states_only_the_last_two_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phosphene.video.project.LARGE_STATE", 2)
    out = tmp_path / "show.mp4"
    with Project(out, "a") as project:
        for index in range(4):
            project.next_path.write_bytes(b"x")
            project.add(10, b"state%d" % index)
    states = sorted(path.name for path in (tmp_path / "show.mp4.part").glob("*.state"))
    assert states == ["00002.state", "00003.state"]
    with Project(out, "a", resume=True) as project:
        assert (project.next_frame, project.state) == (40, b"state3")
    (tmp_path / "show.mp4.part/00003.mp4").write_bytes(b"broken")
    with Project(out, "a", resume=True) as project:
        assert (project.next_frame, project.state) == (30, b"state2")
    (tmp_path / "show.mp4.part/00002.state").unlink()
    with Project(out, "a", resume=True) as project:
        assert project.next_frame == 0
