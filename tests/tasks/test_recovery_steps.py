"""The reaper's turn: a step that fails keeps no other from its work and is not passed over in silence. Every state that
waits stands in the table of docs/failure.md with its deadline and owner."""

import re
from pathlib import Path

import pytest

from agents.states import Connectivity, Standing
from tasks import recovery
from tasks.states import LIVE_STATES, OPEN_RESERVATION_STATES, OPEN_STATUSES, LogState

PAGE = Path(__file__).resolve().parents[2] / "docs" / "failure.md"
OWNERS = {"reaper", "scheduling", "flush", "people"}


@pytest.mark.django_db
@pytest.mark.matrix(14)
@pytest.mark.parametrize("failing", range(len(recovery._STEPS) + 1))
def test_a_failing_step_keeps_no_other_from_its_work(failing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []

    def step(number: int) -> None:
        if number == failing:
            raise RuntimeError("this step is broken")
        done.append(number)

    steps = [_named(step, number) for number in range(len(recovery._STEPS) + 1)]
    monkeypatch.setattr(recovery, "_watch_hosts", steps[0])
    monkeypatch.setattr(recovery, "_STEPS", tuple(steps[1:]))
    with pytest.raises(RuntimeError, match="this step is broken"):
        recovery.reaper_turn()
    assert done == [number for number in range(len(steps)) if number != failing]


def _named(step, number: int):  # type: ignore[no-untyped-def]
    def run() -> None:
        step(number)

    return run


def rows() -> dict[str, list[str]]:
    """The table's cells by the states in its first one, such as `task: waiting`."""
    text = PAGE.read_text().split("## Every wait has an owner")[1].split("\n## ")[0]
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for state in re.findall(r"`([a-z ]+: [a-z_]+)`", cells[0]):
            found[state] = cells[1:]
    return found


def test_every_state_that_waits_has_a_deadline_and_an_owner() -> None:
    waiting = {f"task: {status.value}" for status in OPEN_STATUSES}
    waiting |= {f"attempt: {state.value}" for state in LIVE_STATES}
    waiting |= {f"reservation: {state.value}" for state in OPEN_RESERVATION_STATES}
    waiting |= {f"output: {state.value}" for state in (LogState.OPEN, LogState.DRAINING)}
    waiting |= {f"host: {state.value}" for state in (Connectivity.SUSPECT, Connectivity.UNREACHABLE)}
    waiting |= {f"host: {state.value}" for state in Standing if state not in (Standing.ACTIVE, Standing.REMOVED)}
    table = rows()
    assert set(table) == waiting
    for state, (deadline, owner, outcome) in table.items():
        assert deadline, state
        assert owner in OWNERS, state
        assert outcome, state
