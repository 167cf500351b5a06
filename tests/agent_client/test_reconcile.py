"""reconcile: every row of "wishes and what lies on the host -> action"."""

from typing import Any

import pytest

from agent_client.journal import LocalRecord
from agent_client.reconcile import (
    Action,
    Claim,
    Deliver,
    Forget,
    Launch,
    Memory,
    Nothing,
    NotStarted,
    Reject,
    Stop,
    reconcile,
)

ID = "s1"
FENCE = 7
ASSIGNMENT: Any = {
    "sub_agent_id": "new",
    "fence": 9,
    "task_id": 3,
    "attempt_no": 1,
    "cpu_cores": 1,
    "memory_mib": None,
    "gpus": [],
}


def record(local_state: Any, is_alive: bool = False, is_delivered: bool = False, sub_agent_id: str = ID) -> LocalRecord:
    return LocalRecord(sub_agent_id, FENCE, 3, local_state, is_alive, is_delivered)


def directive(kind: str, fence: int = FENCE, sub_agent_id: str = ID, **changes: Any) -> Any:
    return {"kind": kind, "sub_agent_id": sub_agent_id, "fence": fence, **changes}


STOP = Stop(ID, {"reason": "cancel", "grace_seconds": 5, "kill_now": False})
BEFORE_START = NotStarted(ID, "It was stopped before the script was started.")
DIED_EARLY = NotStarted(ID, "The sub agent ended before it started the script.")
TO_LAUNCH, LAUNCHING = Memory(to_launch=frozenset([ID])), Memory(launching=frozenset([ID]))

ROWS: list[tuple[str, LocalRecord, str | None, Memory, list[Action]]] = [
    ("assigned is claimed", record("assigned"), None, Memory(), [Claim(ID)]),
    ("assigned and kept is claimed", record("assigned"), "keep", Memory(), [Claim(ID)]),
    ("assigned and stopped is forgotten", record("assigned"), "stop", Memory(), [Forget(ID)]),
    ("assigned and to be forgotten", record("assigned"), "forget", Memory(), [Forget(ID)]),
    ("assigned rests after a strange answer", record("assigned"), None, Memory(resting=frozenset([ID])), []),
    ("claimed here is launched", record("claimed"), None, TO_LAUNCH, [Launch(ID)]),
    ("claimed here and stopped is given back", record("claimed"), "stop", TO_LAUNCH, [BEFORE_START]),
    ("claimed by an earlier process is given back", record("claimed"), None, Memory(), [DIED_EARLY]),
    ("claimed by an earlier process, kept", record("claimed"), "keep", Memory(), [DIED_EARLY]),
    ("just launched is left alone", record("claimed"), None, LAUNCHING, []),
    ("just launched can be stopped", record("claimed"), "stop", LAUNCHING, [STOP]),
    ("preparing sub agent is left alone", record("claimed", True), "keep", Memory(), []),
    ("preparing sub agent can be stopped", record("claimed", True), "stop", Memory(), [STOP]),
    ("not started is said again", record("claimed", True), None, Memory(not_started={ID: "x"}), [NotStarted(ID, "x")]),
    ("running is left alone", record("running", True), None, Memory(), []),
    ("running and kept", record("running", True), "keep", Memory(), []),
    ("running is stopped", record("running", True), "stop", Memory(), [STOP]),
    ("running is never forgotten", record("running", True), "forget", Memory(), []),
    ("running and dead is for the watch loop", record("running"), None, Memory(), []),
    ("running and dead, stopped", record("running"), "stop", Memory(), []),
    ("finished delivers by itself while alive", record("finished", True), None, Memory(), []),
    ("finished by itself, result asked for", record("finished", True), "send_result", Memory(), []),
    ("finished and dead is delivered", record("finished"), None, Memory(), [Deliver(ID)]),
    ("finished and dead, result asked for", record("finished"), "send_result", Memory(), [Deliver(ID)]),
    ("finished and dead, stopped", record("finished"), "stop", Memory(), [Deliver(ID)]),
    ("finished and dead, to be forgotten", record("finished"), "forget", Memory(), [Forget(ID)]),
    ("finished and alive, to be forgotten", record("finished", True), "forget", Memory(), [Forget(ID)]),
    ("delivered is removed", record("finished", False, True), None, Memory(), [Forget(ID)]),
    ("delivered waits for its sub agent's end", record("finished", True, True), None, Memory(), []),
    ("delivered and lost", record("finished", False, True), "send_result", Memory(), [Deliver(ID, again=True)]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("local", "kind", "memory", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_row(local: LocalRecord, kind: str | None, memory: Memory, expected: list[Action]) -> None:
    wishes = [directive(kind, reason="cancel", grace_seconds=5, kill_now=False)] if kind else []
    assert reconcile([local], [], wishes, memory) == expected


def test_the_rows_cover_every_state_and_every_kind_of_directive() -> None:
    seen = {(row[1].local_state, row[1].is_alive, row[2]) for row in ROWS}
    for state, alive in (
        ("claimed", True),
        ("running", True),
        ("running", False),
        ("finished", True),
        ("finished", False),
    ):
        assert (state, alive, "stop") in seen or (state, alive, "forget") in seen, (state, alive)
    assert {row[2] for row in ROWS} == {None, "keep", "stop", "forget", "send_result"}


def test_a_new_assignment_is_claimed_once() -> None:
    assert reconcile([], [ASSIGNMENT], [], Memory()) == [Claim("new", ASSIGNMENT)]
    known = record("running", True, sub_agent_id="new")
    assert reconcile([known], [ASSIGNMENT], [], Memory()) == []


def test_a_new_assignment_is_rejected_without_room() -> None:
    assert reconcile([], [ASSIGNMENT], [], Memory(no_room="Full.")) == [Reject("new", 9, "disk_full", "Full.")]


def test_what_was_noted_before_the_disk_was_full_is_still_claimed() -> None:
    assert reconcile([record("assigned")], [], [], Memory(no_room="Full.")) == [Claim(ID)]


def test_a_directive_for_another_fence_does_nothing_and_is_told() -> None:
    (action,) = reconcile([record("running", True)], [], [directive("stop", fence=8)], Memory())
    assert action == Nothing(ID, "directive for fence 8, here is 7")


def test_an_unknown_directive_does_nothing_and_is_told() -> None:
    for local in ([record("running", True)], []):
        (action,) = reconcile(local, [], [directive("dance")], Memory())
        assert action == Nothing(ID, "unknown directive dance")


def test_a_directive_for_what_is_not_here_is_silently_done() -> None:
    assert reconcile([], [], [directive("stop"), directive("forget", sub_agent_id="x")], Memory()) == []


def test_a_stop_without_details_is_an_ordinary_cancel() -> None:
    (action,) = reconcile([record("running", True)], [], [directive("stop")], Memory())
    assert action == Stop(ID, {"reason": "cancel", "grace_seconds": None, "kill_now": False})


def test_stops_come_before_everything_that_takes_time() -> None:
    local = [record("assigned", sub_agent_id="a"), record("finished", sub_agent_id="f"), record("running", True)]
    actions = reconcile(local, [ASSIGNMENT], [directive("stop")], Memory())
    assert [type(action) for action in actions] == [Stop, Deliver, Claim, Claim]
