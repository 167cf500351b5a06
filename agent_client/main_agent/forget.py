"""Removes what nobody needs any more of a sub agent. Only the beat loop calls it, so that folders have one remover."""

from pathlib import Path

from agent_client import retained
from agent_client.journal import task_id_of
from agent_client.sub_agent import survivors
from agent_client.sub_agent.limits import noted_group
from agent_client.sub_agent_dir import SubAgentDir
from agent_client.system_log import EventLog

log = EventLog(loop="beat")


def forget(path: Path) -> None:
    """The folder goes at once, or, while its sub agent still lives, as soon as that one has ended.

    It also stays while processes of its script are left that could not be killed.
    """
    folder = SubAgentDir(path)
    if folder.local_state() == "finished" and folder.read_delivered() is None:
        folder.write_delivered({"result_code": "forgotten", "streams": {}})
    if not folder.is_alive() and not survivors.are_noted(folder):
        retained.keep(path.parent.parent / "retained", folder)
        remove_folder(path)


def remove_folder(path: Path) -> None:
    folder = SubAgentDir(path)
    task_id = task_id_of(folder)
    noted_group(folder).remove()
    try:
        folder.remove()
    except FileNotFoundError:
        return
    except OSError as error:  # what is left goes at the next start
        log.warning("remove_failed", sub_agent_id=path.name, task_id=task_id, detail=str(error))
        return
    log.info("removed", sub_agent_id=path.name, task_id=task_id)
