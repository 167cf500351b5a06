"""What agents say: each message is what the agents' types describe, and the server's types take every field of it."""

import json
import types
import typing
from typing import Any

import msgspec
import pytest

from agent_client import wire
from tasks import agent_messages
from tasks.gangs import STOPPED
from tasks.states import EndReason, LogState
from tests.contract import messages

REQUESTS: list[tuple[Any, Any, dict[str, Any]]] = [
    (
        wire.RegisterRequest,
        agent_messages.Register,
        {
            "name": "h",
            "hostname": "h",
            "machine_id": "m",
            "agent_version": "0.1.0",
            "proto": {"min": 1, "max": 1},
        },
    ),
    (wire.SessionRequest, agent_messages.Session, messages.SESSION),
    (wire.SessionRequest, agent_messages.Session, {**messages.SESSION, "resources": messages.UNKNOWN_RESOURCES}),
    (wire.HeartbeatRequest, agent_messages.Heartbeat, messages.HEARTBEAT),
    (wire.HeartbeatRequest, agent_messages.Heartbeat, {**messages.HEARTBEAT, "gpu_use": None}),
    (wire.SecretRequest, agent_messages.NewSecret, {"epoch": 1}),
    (wire.ClaimRequest, agent_messages.Claim, {**messages.CLAIM, "master_port": 40001}),
    (wire.ClaimRequest, agent_messages.Claim, messages.CLAIM),
    (wire.ClaimsRequest, agent_messages.Claims, {"epoch": 1, "claims": [messages.CLAIM_OF_ONE]}),
    (wire.ClaimOfOne, agent_messages.ClaimOfOne, messages.CLAIM_OF_ONE),
    (wire.RejectRequest, agent_messages.GiveBack, {"fence": 7, "reason": "disk_full", "detail": "full"}),
    (wire.NotStartedRequest, agent_messages.GiveBack, {"fence": 7, "detail": "no start record"}),
    (wire.ReportEntry, agent_messages.Entry, messages.ENTRY),
    (
        wire.ReportEntry,
        agent_messages.Entry,
        {**messages.ENTRY, "started": None, "usage": None, "finish": None, "output": [], "log_close": []},
    ),
]


@pytest.mark.parametrize(("said", "taken", "example"), REQUESTS)
def test_an_example_is_whole_and_is_taken(said: Any, taken: Any, example: dict[str, Any]) -> None:
    msgspec.convert(example, said)
    assert set(example) == set(typing.get_type_hints(said))
    agent_messages.decode(json.dumps(example).encode(), taken)


@pytest.mark.parametrize(("said", "taken", "example"), REQUESTS)
def test_the_server_knows_every_field_that_agents_send(said: Any, taken: Any, example: dict[str, Any]) -> None:
    for message, struct in pairs(said, taken):
        unknown = set(typing.get_type_hints(message)) - set(struct.__struct_fields__)
        assert not unknown, f"{struct.__name__} does not take {unknown}"


def pairs(said: Any, taken: Any) -> list[tuple[Any, Any]]:
    """This message and the messages inside it, each with the server's type of it."""
    found = [(said, taken)]
    fields = {field.name: field.type for field in msgspec.structs.fields(taken)}
    for name, kind in typing.get_type_hints(said).items():
        inner, struct = named(kind, typing.is_typeddict), named(fields.get(name), is_struct)
        if inner is not None and struct is not None:
            found += pairs(inner, struct)
    return found


def named(kind: Any, wanted: Any) -> Any:
    """The first type inside unions, lists and annotations that is wanted."""
    if wanted(kind):
        return kind
    for part in typing.get_args(kind):
        if isinstance(part, type | types.GenericAlias | types.UnionType) or typing.get_origin(part):
            inner = named(part, wanted)
            if inner is not None:
                return inner
    return None


def is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def test_pairs_reach_the_inner_messages() -> None:
    names = {struct.__name__ for _, struct in pairs(wire.ReportEntry, agent_messages.Entry)}
    assert names == {"Entry", "Started", "UsageMessage", "Skip", "Output", "Finish", "OomMessage", "LogClose"}


def test_both_sides_have_the_same_reasons() -> None:
    from tasks.reporting.reports import REPORTED_REASONS

    assert set(typing.get_args(wire.FinishReason)) == {str(reason) for reason in REPORTED_REASONS}
    assert set(typing.get_args(wire.StopReason)) >= {EndReason.CANCEL, EndReason.TIMEOUT, "lost", STOPPED}


def test_agents_know_every_state_of_a_log_that_they_are_told() -> None:
    assert set(typing.get_args(wire.LogState)) == set(LogState.values) - {LogState.PRUNED}
