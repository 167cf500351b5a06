"""What can be wrong with one sub agent's folder: it is logged and stays there, and holds up no other."""

from agent_client.atomic import Unreadable
from agent_client.reconcile import Action
from agent_client.system_log import EventLog

log = EventLog(loop="beat")
FOLDER_FAULTS = (Unreadable, OSError, ValueError, KeyError, TypeError)


def log_fault(action: Action, error: Exception) -> None:
    log.error("action_failed", sub_agent_id=action.sub_agent_id, action=type(action).__name__, detail=repr(error))
