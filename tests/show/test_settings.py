"""Text from the command line becomes checked values."""

from pathlib import Path

import pytest

from phosphene.errors import InputError
from phosphene.show.settings import outputs_for, parse_size, read_chroma_prompts


@pytest.mark.parametrize(
    ("text", "size"),
    [("1280x720", (1280, 720)), (" 64 X 65 ", (64, 65)), ("1×2", (1, 2)), ("4K", (3840, 2160))],
)
def test_sizes(text, size) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "723p", "-1x5", "1.5x2", "9999999x1", "1280x720x3"])
def test_bad_sizes(text) -> None:
    with pytest.raises(InputError, match="1280x720"):
        parse_size(text)


def test_chroma_prompts(tmp_path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("\n\n".join(f"prompt {i} 🎆" for i in range(12)) + "\n", encoding="utf-8")
    assert read_chroma_prompts(str(path))[11] == "prompt 11 🎆"
    path.write_text("one\n")
    with pytest.raises(InputError, match="12 lines"):
        read_chroma_prompts(str(path))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        read_chroma_prompts(str(path))
    with pytest.raises(InputError, match="cannot read"):
        read_chroma_prompts(str(tmp_path / "none"))


def test_outputs(tmp_path) -> None:
    assert outputs_for(["a/song.mp3"], None) == [(Path("a/song.mp3"), Path("song.mp4"))]
    assert outputs_for(["song.mp3"], "x.mp4") == [(Path("song.mp3"), Path("x.mp4"))]
    assert outputs_for(["a.mp3"], str(tmp_path))[0][1] == tmp_path / "a.mp4"
    many = outputs_for(["a.mp3", "b.wav"], "videos")
    assert [target for _, target in many] == [Path("videos/a.mp4"), Path("videos/b.mp4")]
    with pytest.raises(InputError, match="folder"):
        outputs_for(["a.mp3", "b.mp3"], "x.mp4")
    with pytest.raises(InputError, match="rename one"):
        outputs_for(["a.mp3", "b/a.wav"], "videos/")
