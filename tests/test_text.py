"""Text files of any encoding, and lists by their own rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from phosphene.cli import main
from phosphene.cluster.manifest import read_manifest
from phosphene.config import PipelineConfig
from phosphene.errors import ConfigError, InputError
from phosphene.show.settings import read_chroma_prompts
from phosphene.text import encoding_of, read_text

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le-mark")
TEXT = '[prompt]\r\nbase_prompt = "blaue Wellen, größer"\r\n[inference]\r\nseed = 7\r\n'


def encoded(text: str, encoding: str) -> bytes:
    if encoding == "utf-32-le-mark":
        return b"\xff\xfe\0\0" + text.encode("utf-32-le")
    return text.encode(encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_settings_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "my.toml"
    path.write_bytes(encoded(TEXT, encoding))
    config = PipelineConfig.from_toml(path)
    assert config.prompt.base_prompt == "blaue Wellen, größer"
    assert config.inference.seed == 7


@pytest.mark.parametrize("mark", [b"", b"\xfe\xff"])
def test_utf_16_big_end_first(tmp_path: Path, mark: bytes) -> None:
    path = tmp_path / "my.toml"
    path.write_bytes(mark + TEXT.encode("utf-16-be"))
    assert PipelineConfig.from_toml(path).inference.seed == 7


def test_what_is_no_text_is_said(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_bytes(b"a = 1\nb = '\xe9'\n")
    with pytest.raises(ConfigError, match=r"not UTF-8 text \(line 2, byte 0xe9\): save it as"):
        PipelineConfig.from_toml(path)
    for text in (f"a = {'[' * 3000}{']' * 3000}\n", "a" + ".a" * 3000 + " = 1\n"):
        path.write_text(text)
        with pytest.raises(ConfigError):
            PipelineConfig.from_toml(path)
    with pytest.raises(InputError, match="cannot read the list"):
        read_text(tmp_path / "no", "list")
    assert encoding_of(b"") == encoding_of(b"ab") == encoding_of(bytes(10)) == "utf-8"


def test_config_writes_a_file_that_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "my.toml"
    assert main(["config", "--preset", "fast", "-o", str(path)]) == 0
    assert PipelineConfig.from_toml(path).inference.width == 192
    path.write_text("mine")
    assert main(["config", "-o", str(path)]) == 2
    assert path.read_text() == "mine"
    assert main(["config", "-o", str(path), "--overwrite"]) == 0
    assert "phosphene: " in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_chroma_prompts_end_with_lines_only(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "notes.txt"
    prompts = [f"prompt\u2028number\x85{k}" for k in range(12)]
    path.write_bytes("\r\n".join(prompts).encode(encoding))
    assert read_chroma_prompts(str(path)) == prompts


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_jsonl_string_may_hold_any_separator(tmp_path: Path, sign: str, ends: str) -> None:
    path = tmp_path / "list.jsonl"
    prompt = f"teal{sign}ocean"
    shown = json.dumps(prompt, ensure_ascii=ord(sign) < 0x20)
    lines = [f'{{"input": "a.mp3", "prompt.base_prompt": {shown}}}', '{"input": "b.mp3"}']
    path.write_bytes((ends.join(lines) + ends).encode())
    first, second = read_manifest(path)
    assert first.nested() == {"prompt": {"base_prompt": prompt}}
    assert second.input == tmp_path / "b.mp3"


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_csv_cells_are_read_by_csv_s_rules(tmp_path: Path, ends: str, encoding: str) -> None:
    path = tmp_path / "list.csv"
    rows = ["input,prompt.base_prompt", '"a, ""b"".mp3","teal\nocean\u2028wide"', "c.mp3,", ""]
    path.write_bytes(ends.join(rows).encode(encoding))
    first, second = read_manifest(path)
    assert first.input.name == 'a, "b".mp3'
    assert first.nested() == {"prompt": {"base_prompt": "teal\nocean\u2028wide"}}
    assert second.nested() == {}


def test_nested_nonsense_in_a_list_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text("[" * 100_000 + "\n")
    with pytest.raises(InputError, match="line 1: not"):
        list(read_manifest(path))
