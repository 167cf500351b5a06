"""The words that templates make of numbers."""

import pytest

from scheduler_site.templatetags import show


@pytest.mark.parametrize(
    ("mib", "words"),
    [(None, ""), (0, "0 GiB"), (5, "5 MiB"), (512, "512 MiB"), (1024, "1 GiB"), (1536, "1.5 GiB"), (40960, "40 GiB")],
)
def test_little_memory_is_not_shown_as_none(mib: float | None, words: str) -> None:
    assert show.gib(mib) == words
