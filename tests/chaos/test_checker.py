"""What the checker of a chaos run says of attempts that ran beside each other, half gangs and bytes that differ."""

from pathlib import Path

from tests.chaos.checker import all_or_none, one_after_the_other, same_length
from tests.chaos.scripts import Witness


def pulse(folder: Path, attempt_no: int, *moments: float, rank: int | None = None) -> Witness:
    member = "" if rank is None else f"-{rank}"
    (folder / f"7-{attempt_no}{member}.pulse").write_text("".join(f"{moment}\n" for moment in moments))
    return Witness(folder, 7, attempt_no, rank)


def test_attempts_that_follow_each_other_are_fine(tmp_path: Path) -> None:
    never_ran = Witness(tmp_path, 7, 2)
    ran = [pulse(tmp_path, 1, 10.0, 11.5), never_ran, pulse(tmp_path, 3, 11.6, 12.0)]
    assert list(one_after_the_other(ran)) == []


def test_two_attempts_at_one_moment_are_told(tmp_path: Path) -> None:
    ran = [pulse(tmp_path, 1, 10.0, 12.0), pulse(tmp_path, 2, 11.5, 13.0)]
    assert list(one_after_the_other(ran)) == ["attempt 2 began 0.50 s before attempt 1 had ended"]


def test_members_of_one_attempt_run_together(tmp_path: Path) -> None:
    ran = [pulse(tmp_path, 1, 10.0, 12.0, rank=0), pulse(tmp_path, 1, 11.0, 13.0, rank=1)]
    assert list(one_after_the_other(ran)) == []
    ran.append(pulse(tmp_path, 2, 12.5, 14.0, rank=0))
    assert list(one_after_the_other(ran)) == ["attempt 2 began 0.50 s before attempt 1 had ended"]


def test_half_a_gang_is_told() -> None:
    task = {"node_count": 2, "status": "completed", "attempt_no": 1}
    both = [{"attempt_no": 1, "rank": rank, "state": "succeeded"} for rank in (0, 1)]
    assert list(all_or_none(task, both)) == []
    assert list(all_or_none(task, both[:1])) == ["attempt 1 has the ranks [0]"]
    both[1]["state"] = "not_started"
    assert list(all_or_none(task, both)) == ["it completed, and its members are ['succeeded', 'not_started']"]


def test_from_where_bytes_differ_on() -> None:
    assert [same_length(b"abcd", other) for other in (b"abcd", b"abXd", b"ab", b"abcdef", b"")] == [4, 2, 2, 4, 0]
