"""A row of a history in words."""

import pytest

from tasks.models import TaskEvent


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("", "waiting", "moved: waiting, by ada"),
        ("waiting", "running", "moved: waiting → running, by ada"),
        ("waiting", "waiting", "moved by ada"),
        ("", "", "moved by ada"),
    ],
)
def test_only_a_change_has_an_arrow(old: str, new: str, words: str) -> None:
    assert str(TaskEvent(verb="moved", from_state=old, to_state=new, actor_name="ada")) == words
