"""Rows are printed a line each and kept as a list; middles and extremes are what they are called."""

import json
from pathlib import Path

import pytest

from benchmarks import rows
from benchmarks.commands import rows_of
from benchmarks.peers.rows import spread


def test_a_row_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    rows.tell("page", page_p50_ms=7)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line).items() >= {"peer": "Nightshift", "w": "page", "page_p50_ms": 7}.items()


def test_a_file_is_a_list_of_rows(tmp_path: Path) -> None:
    kept = [{"peer": "a", "w": "W1", "rate": 1.5}, {"peer": "b", "w": "W1", "rate": None}]
    rows.write(tmp_path / "out.json", kept)
    assert json.loads((tmp_path / "out.json").read_text()) == kept
    assert rows.read(tmp_path / "out.json") == kept


def test_middles_and_extremes() -> None:
    assert spread([3.0, 1.0, 2.004]) == {"secs": 2.0, "lo": 1.0, "hi": 3.0}
    assert rows.quantile([5, 1, 4, 2, 3], 0.5) == 3
    assert rows.quantile([1], 0.99) == 1


def test_a_program_that_fails_leaves_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    text = 'echo \'{"w": "W1"}\'; echo words; exit 3'
    assert rows_of(["sh", "-c", text]) == [{"w": "W1"}]
    assert "ended with 3" in capsys.readouterr().err
