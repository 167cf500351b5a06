import fcntl
import json
from pathlib import Path

from scheduler_site.up.farewell import farewell, running_task_ids


def sub_agent(state_dir: Path, name: str, task_id: int | None) -> Path:
    folder = state_dir / "sub_agents" / name
    folder.mkdir(parents=True)
    if task_id is not None:
        (folder / "assignment.json").write_text(json.dumps({"task_id": task_id}))
    (folder / "lock").touch()
    return folder / "lock"


def test_only_those_whose_lock_is_held_are_counted(tmp_path: Path) -> None:
    sub_agent(tmp_path, "ended", 1)
    with sub_agent(tmp_path, "alive", 7).open("r+") as one, sub_agent(tmp_path, "damaged", None).open("r+") as other:
        fcntl.flock(one, fcntl.LOCK_EX)
        fcntl.flock(other, fcntl.LOCK_EX)
        assert running_task_ids(tmp_path) == [0, 7]
    assert running_task_ids(tmp_path) == []


def test_no_agent_no_scripts(tmp_path: Path) -> None:
    assert running_task_ids(tmp_path / "none") == []


def test_the_sentence_says_how_to_end_them() -> None:
    assert "No script is running" in farewell([])
    assert "1 script runs on" in farewell([7])
    two = farewell([0, 7, 9])
    assert "3 scripts run on" in two
    assert two.endswith("nightshift cancel 7 9")
