"""The package notices when its weights are not what was published."""

import shutil

import pytest

from phosphene.diffusion.lsd.manifest import verify
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
