"""Which results of scripts are kept, and what is said of the others."""

from typing import Any

import pytest

from tasks.reporting.script_result import DEEPEST, LARGEST_BYTES, storable


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    "result", [None, True, 1.5, "text", [], {}, nested(DEEPEST), "x" * (LARGEST_BYTES - 2), "\\u0000", "é" * 30_000]
)
def test_kept(result: Any) -> None:
    assert storable(result) == (result, "")


@pytest.mark.parametrize(
    ("result", "word"),
    [
        (nested(DEEPEST + 1), "nested"),
        ("x" * (LARGEST_BYTES - 1), "64 KiB"),
        ("é" * 40_000, "64 KiB"),
        (["\0"], "NUL"),
        ({"a": {"\0": 1}}, "NUL"),
    ],
)
def test_not_kept(result: Any, word: str) -> None:
    kept, sentence = storable(result)
    assert kept is None
    assert word in sentence


def test_the_size_is_that_of_compact_json_as_the_host_counts_it() -> None:
    largest = [1] * (LARGEST_BYTES // 2 - 1)
    assert storable(largest) == (largest, "")
