"""Starts the sub agent process of a claimed folder. What it does from then on is its own business."""

from agent_client.failpoints import fail_at
from agent_client.journal import task_id_of
from agent_client.launcher import LaunchFailed
from agent_client.main_agent.context import Context
from agent_client.main_agent.memory import BeatMemory
from agent_client.sub_agent_dir import SubAgentDir
from agent_client.system_log import EventLog

log = EventLog(loop="beat")


def launch(context: Context, memory: BeatMemory, sub_agent_id: str) -> None:
    path = context.sub_agents / sub_agent_id
    task_id = task_id_of(SubAgentDir(path))
    fail_at("launch.before_fork")
    try:
        context.launcher.launch(path)
    except LaunchFailed as error:
        log.error("launch_failed", sub_agent_id=sub_agent_id, task_id=task_id, detail=str(error))
        memory.launch_failed(sub_agent_id, str(error))
        return
    memory.launched(sub_agent_id)
    log.info("launched", sub_agent_id=sub_agent_id, task_id=task_id)
