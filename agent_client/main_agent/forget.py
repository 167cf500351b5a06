"""Removes what nobody needs any more of sub agents. Only the beat loop calls it, so that folders have one remover."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent_client import retained
from agent_client.atomic import sync_folder
from agent_client.journal import task_id_of
from agent_client.main_agent.folder_faults import FOLDER_FAULTS, log_fault
from agent_client.reconcile import Forget
from agent_client.removal import remove_tree
from agent_client.sub_agent import survivors
from agent_client.sub_agent.limits import noted_group
from agent_client.sub_agent_dir import SubAgentDir
from agent_client.system_log import EventLog

log = EventLog(loop="beat")
MOST_AT_ONCE = 32


def forget_all(paths: Sequence[Path], between: Callable[[], object] = lambda: None) -> None:
    """As `forget`, but with one sync of each parent for several folders. A folder takes its time on a busy disk:
    `between` is called after each step, for what must not wait for all of them."""
    for first in range(0, len(paths), MOST_AT_ONCE):
        _forget(paths[first : first + MOST_AT_ONCE], between)


def forget(path: Path) -> None:
    """The folder goes at once, or, while its sub agent still lives, as soon as that one has ended.

    It also stays while processes of its script are left that could not be killed.
    """
    forget_all([path])


def remove_folder(path: Path) -> None:
    _remove([SubAgentDir(path)])


def _forget(paths: Sequence[Path], between: Callable[[], object]) -> None:
    folders = [folder for folder in map(SubAgentDir, paths) if _may_go(folder)]
    if not folders:
        return
    kept = folders[0].path.parent.parent / "retained"
    for folder in folders:
        retained.keep(kept, folder)
        between()
    retained.sync(kept)
    _remove(folders, between)


def _may_go(folder: SubAgentDir) -> bool:
    try:
        if folder.local_state() == "finished" and folder.read_delivered() is None:
            folder.write_delivered({"result_code": "forgotten", "streams": {}})
        return not folder.is_alive() and not survivors.are_noted(folder)
    except FOLDER_FAULTS as error:
        log_fault(Forget(folder.sub_agent_id), error)
        return False


def _remove(folders: Sequence[SubAgentDir], between: Callable[[], object] = lambda: None) -> None:
    """All are set apart before the first is emptied."""
    going = [one for folder in folders if (one := _Going.set_apart(folder)) is not None]
    if not going:
        return
    try:
        sync_folder(folders[0].path.parent)
    except OSError as error:
        for one in going:
            one.say_failed(error)
        return
    for one in going:
        one.empty()
        between()


@dataclass(frozen=True)
class _Going:
    """A folder on its way. What is left of it when that fails goes at the next start."""

    sub_agent_id: str
    task_id: int | None
    doomed: Path

    @classmethod
    def set_apart(cls, folder: SubAgentDir) -> "_Going | None":
        one = cls(folder.sub_agent_id, task_id_of(folder), folder.doomed_path)
        try:
            noted_group(folder).remove()
            folder.set_apart()
        except FileNotFoundError:
            return None
        except FOLDER_FAULTS as error:
            one.say_failed(error)
            return None
        return one

    def empty(self) -> None:
        try:
            remove_tree(self.doomed)
        except OSError as error:
            self.say_failed(error)
        else:
            log.info("removed", sub_agent_id=self.sub_agent_id, task_id=self.task_id)

    def say_failed(self, error: Exception) -> None:
        log.warning("remove_failed", sub_agent_id=self.sub_agent_id, task_id=self.task_id, detail=str(error))
