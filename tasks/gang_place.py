"""What a member of a gang is told of the others: ranks, names and addresses, and where the leader listens.

Decides nothing about who may start (tasks.gangs).
"""

from typing import Any

from agents.models import Agent
from tasks.gangs import members_of
from tasks.models import SubAgent

LOOPBACK = "127.0.0.1"
USUAL_PORT = 29500  # what launchers take when nobody says; only for a leader whose host named no free one


def rank_of(sub_agent: SubAgent, node_count: int) -> dict[str, Any]:
    """As much as an assignment says: nobody has accepted yet."""
    return {"rank": sub_agent.rank, "node_count": node_count}


def of_member(sub_agent: SubAgent) -> dict[str, Any]:
    """All that a grant says; the same for every member but for its rank."""
    members = members_of(sub_agent)
    hosts = [member.agent for member in members]
    nodes = [{"name": host.name, "address": address_of(host, hosts)} for host in hosts]
    return {
        **rank_of(sub_agent, len(members)),
        "nodes": nodes,
        "master_address": nodes[0]["address"],
        "master_port": members[0].master_port or USUAL_PORT,
    }


def address_of(host: Agent, hosts: list[Agent]) -> str:
    """Where the others reach it. Main agents that share one machine need no network."""
    machines = {other.machine_id for other in hosts}
    if len(machines) == 1 and host.machine_id:
        return LOOPBACK
    return host.address or host.hostname or host.name
