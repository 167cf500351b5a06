"""Verbs of a host in the admin that need to know what runs there: stop its main agent, remove it."""

from agents.admin_hosts import AgentAdmin
from agents.models import Agent
from agents.states import RETIRED, Standing
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.admin_operations import Operation
from tasks.host_ends.host_removal import remove
from tasks.host_ends.host_stop import CHOICES, Scripts, stop


def _stopping(scripts: Scripts, label: str) -> Operation:
    def act(agent: Agent, actor: Actor, reason: str) -> Agent:
        return stop(agent, actor=actor, scripts=scripts, reason=reason)

    return Operation(
        name=f"stop_{scripts}",
        label=label,
        meaning=f"Stop the main agent: {CHOICES[scripts]}.",
        done="asked to stop",
        act=act,
        applies=lambda agent: agent.status == "online" and agent.standing not in RETIRED,
        is_danger=scripts == "kill",
    )


AgentAdmin.operations = (
    *AgentAdmin.operations,
    _stopping("leave", "Stop, leave scripts running"),
    _stopping("drain", "Stop when drained"),
    _stopping("kill", "Stop and kill scripts"),
    Operation(
        name="remove",
        label="Remove",
        meaning="Its credential is refused for ever; only its history stays. Nothing may be live or held there.",
        done="removed",
        act=lambda agent, actor, reason: remove(agent, actor=actor, reason=reason),
        applies=lambda agent: agent.standing != Standing.REMOVED,
        is_danger=True,
    ),
)
