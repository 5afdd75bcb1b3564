import json
from dataclasses import fields

import numpy as np
import pytest

from phosphene.errors import InputError, OutputError
from phosphene.stream.batch import InFlightFrame, Plan
from phosphene.stream.camera import CameraMove
from phosphene.stream.conditioning import Context
from phosphene.stream.guidance import Guidance
from phosphene.stream.memory import ContextMemory
from phosphene.stream.noise import gaussian
from phosphene.stream.similarity import Watch
from phosphene.stream.state import StreamState, dump, load, save
from tests.stream.toy import BACKENDS, OTHERS, home_of


def told(home):
    """A context with all there is, whatever fields there are."""
    slots = enumerate(fields(Context), start=100)
    return Context(**{each.name: home.float32(gaussian(0, 0, k, (1, 2, 3))) for k, each in slots})


def make_state(home):
    def array(slot):
        return home.float32(gaussian(0, 0, slot, (1, 3, 4, 4)))

    plan = Plan((900.25, 1 / 3), 2**32 - 1, Guidance("initialize", 1.7, 0.3), "tcd", 0.1, False)
    flying = InFlightFrame(
        7, plan, array(0), array(1), array(2), array(3), told(home), 1, array(19)
    )
    landed = InFlightFrame(6, Plan(()), array(6), array(7))
    return StreamState(
        frame=8,
        shown=5,
        picture=array(8),
        finished=array(9),
        followed=array(20),
        frames_in_flight=(flying,),
        ready=(landed,),
        moves=((7, CameraMove(1.01, 0.1, -0.2, 0.3, 0.001, 2.0)),),
        watch=Watch(array(10), array(11), "settings", 3),
        before=array(16),
        palette=array(18),
        memory=ContextMemory(array(17)[None], (2, -1, 4, 6), 1),
    )


def assert_same(one, other, home):
    assert type(one) is type(other)
    for name, value in vars(one).items():
        twin = getattr(other, name)
        if isinstance(value, type(home.float32(np.zeros(1, np.float32)))):
            assert value.dtype == twin.dtype
            np.testing.assert_array_equal(np.asarray(value), np.asarray(twin))
        elif isinstance(value, Watch | ContextMemory | Context):
            assert_same(value, twin, home)
        elif name in ("frames_in_flight", "ready"):
            assert len(value) == len(twin)
            for a, b in zip(value, twin, strict=True):
                assert_same(a, b, home)
        else:
            assert value == twin


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_state_comes_back_exactly(backend, tmp_path):
    home = home_of(backend)
    for state in (make_state(home), StreamState()):
        save(state, tmp_path / "state.npz")
        assert_same(state, load(tmp_path / "state.npz", home.float32), home)


@pytest.mark.parametrize("backend", OTHERS)
def test_a_state_moves_between_backends(backend, tmp_path):
    state = make_state(home_of("numpy"))
    save(state, tmp_path / "state")
    restored = load(tmp_path / "state", home_of(backend).float32)
    np.testing.assert_array_equal(
        np.asarray(restored.frames_in_flight[0].x), state.frames_in_flight[0].x
    )


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "state.npz"
    save(StreamState(frame=3), target)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        save(StreamState(frame=4), target)
    assert [p.name for p in tmp_path.iterdir()] == ["state.npz"]
    assert load(target, lambda a: a).frame == 3


def test_save_into_nowhere(tmp_path):
    with pytest.raises(OutputError, match="cannot save"):
        save(StreamState(), tmp_path / "no" / "state.npz")


def test_bad_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        load(tmp_path / "missing.npz", lambda a: a)
    bad = tmp_path / "bad.npz"
    for content in (b"", b"not a state", dump(make_state(home_of("numpy")))[:400]):
        bad.write_bytes(content)
        with pytest.raises(InputError, match="stream state"):
            load(bad, lambda a: a)
    for meta in ({"format": 99}, {"format": 1}, {"format": 2}):
        np.savez(bad, meta=np.array(json.dumps(meta)))
        with pytest.raises(InputError, match="saved by another version of phosphene"):
            load(bad, lambda a: a)
