"""Opens a session: tells the server who this host is and all that lies on it. Does not act on the answer."""

from collections.abc import Sequence
from typing import cast

from agent_client import wire
from agent_client.enrolment import PROTOCOLS
from agent_client.http import AgentHttp, ProtocolError
from agent_client.journal import Inventory, inventory_rows, scan
from agent_client.main_agent.context import Context
from agent_client.probes.address import local_address
from agent_client.probes.machine import host_facts, machine_id
from agent_client.process.cgroup.find import described
from agent_client.retained import forgotten_fence
from agent_client.system_log import EventLog
from agent_client.version import VERSION

log = EventLog(loop="beat")
HANDS_OFF = "nothing is said of what lies here, it may be another main agent's"


def open_session(context: Context, http: AgentHttp, retained: Sequence[wire.InventoryRow] = ()) -> wire.SessionReply:
    """The inventory is taken here, in the thread that claims, so that no claim is under way meanwhile."""
    inventory = Inventory(damaged=(HANDS_OFF,)) if context.hands_off else scan(context.sub_agents)
    for sentence in inventory.damaged:
        log.error("folder_damaged", detail=sentence)
    reply = _in_turn(
        context,
        http,
        {
            "boot_id": context.boot_id,
            "incarnation": context.incarnation,
            "machine_id": machine_id(),
            "agent_version": VERSION,
            "proto": PROTOCOLS,
            "host": said_of_host(context),
            "inventory_complete": inventory.is_complete,
            "sub_agents": [*inventory_rows(inventory, context.sub_agents), *retained],
            "resources": context.probe.read(),
            "after_epoch": context.latest_epoch,
            "forgotten_fence": forgotten_fence(context.retained),
            "incarnations": [] if context.hands_off else [*context.earlier_incarnations, *context.incarnations],
        },
    )
    context.latest_epoch = reply["epoch"]
    log.info(
        "session_opened",
        epoch=reply["epoch"],
        agent=context.identity.name,
        server=context.identity.server_url,
        sub_agents=len(inventory.records),
    )
    return reply


def _in_turn(context: Context, http: AgentHttp, request: wire.SessionRequest) -> wire.SessionReply:
    """The server takes a session only after the latest it opened, so that a request which comes late is not believed.
    After a start we do not know that one, and are told."""
    try:
        return http.open_session(request)
    except ProtocolError as error:
        latest = error.body.get("epoch")
        if error.code != "stale_epoch" or not isinstance(latest, int):
            raise
        context.latest_epoch = latest
        return http.open_session({**request, "after_epoch": latest})


def said_of_host(context: Context) -> wire.HostFacts:
    """What the settings say wins over the declaration; the address that nobody says is found out."""
    offer = context.config.offer.or_else(context.probe.offer)
    facts = {
        **host_facts(context.started_at),
        "tracking": described(context.roots, context.config.max_processes),
        "zone": offer.zone,
        "address": offer.address or local_address(context.identity.server_url),
        "capabilities": dict(offer.capabilities),
        "resources": dict(offer.resources),
    }
    return cast("wire.HostFacts", facts)
