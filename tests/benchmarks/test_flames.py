"""Flame graphs that are kept hold no program."""

from pathlib import Path

import pytest

from benchmarks.flames import without_script

IMAGES = Path(__file__).resolve().parent.parent.parent / "docs" / "images"


def test_the_script_goes_and_the_picture_stays() -> None:
    made = '<svg onload="init(evt)"><script><![CDATA[\n"use strict";\n]]></script><g><title>a</title></g></svg>'
    assert without_script(made) == "<svg><g><title>a</title></g></svg>"


@pytest.mark.parametrize("path", sorted(IMAGES.glob("*.svg")), ids=lambda path: path.name)
def test_no_picture_of_the_pages_holds_a_program(path: Path) -> None:
    assert "<script" not in path.read_text()
