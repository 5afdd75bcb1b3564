"""The package notices when its weights are not what was published."""

import json
import shutil

import pytest

from phosphene.diffusion.lsd.manifest import FORMAT, inference, verify
from phosphene.diffusion.lsd.nets import WEIGHTS
from phosphene.errors import ModelError


def test_shipped_weights_are_whole() -> None:
    assert "checksums right" in verify()


def test_damage_is_one_clear_sentence(tmp_path) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(WEIGHTS, folder)
    with (folder / "text.npz").open("r+b") as file:
        file.seek(1000)
        file.write(b"garbage")
    with pytest.raises(ModelError, match=r"text\.npz is damaged.*reinstall"):
        verify(folder)
    (folder / "sharpener.onnx").unlink()
    with pytest.raises(ModelError, match=r"sharpener\.onnx"):
        verify(folder)


@pytest.mark.parametrize(
    "written, named", [({"format": FORMAT - 1}, "older"), ({}, "older"), ({"format": 99}, "newer")]
)
def test_networks_of_another_version_are_refused(tmp_path, written: dict, named: str) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(written), encoding="utf-8")
    with pytest.raises(ModelError, match=f"of an? {named} phosphene"):
        inference(tmp_path)
