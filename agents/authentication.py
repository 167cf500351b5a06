"""DRF authentication of agents: enrolment tokens and host secrets. Sub agents' tokens are checked in the tasks app.

`request.user` stays anonymous; `request.auth` is the Agent or the EnrolmentToken.
"""

import uuid
from typing import Any

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from agents import rotation
from agents.enrolment import find_token
from agents.models import Agent
from agents.states import RETIRED
from scheduler_site.shared import statements

_READ = frozenset(field.attname for field in Agent._meta.concrete_fields) - {"gpu_info", "host_facts"}

_CREDENTIAL = frozenset({"name", "standing", "secret_hash", "next_secret_hash", "next_secret_at"})
_OF_A_BEAT = _CREDENTIAL | {
    *("epoch", "proto", "connectivity", "accepts_work", "quarantined_at", "wish", "inventory_asked_at"),
    *("secret_asked_at", "cpu_cores", "memory_mib", "is_declared", "gpu_state", "gpu_detail"),
}


class EnrolmentAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, Any]:
        token = find_token(credential(request.headers.get("Authorization", ""), "Enrolment"))
        if token is None:
            raise AuthenticationFailed("This enrolment token is unknown, used up or expired.")
        return AnonymousUser(), token


class AgentAuthentication(BaseAuthentication):
    names = _READ

    def authenticate(self, request: Request) -> tuple[Any, Any]:
        return AnonymousUser(), authenticated_agent(request.headers.get("Authorization", ""), self.names)


class KnownAgentAuthentication(AgentAuthentication):
    """For calls that come often and ask little more than whose they are: what else the host's row says is read when it
    is used."""

    names = _CREDENTIAL | {"epoch", "quarantined_at"}


class BeatAuthentication(AgentAuthentication):
    """With what a heartbeat is compared with. Most change nothing."""

    names = _OF_A_BEAT


def authenticated_agent(header: str, names: frozenset[str] = _READ) -> Agent:
    """The host whose credential this is; AuthenticationFailed otherwise."""
    agent_id, secret = identified(header, "Agent")
    agent = statements.instance(Agent, {"pk": agent_id}, names)
    if agent is None or not rotation.is_good(agent, secret):
        raise AuthenticationFailed("No host has this id and secret.")
    if agent.standing in RETIRED:
        raise AuthenticationFailed(f"This host was {agent.standing} by an operator.")
    rotation.note_use(agent, secret)
    return agent


def credential(header: str, scheme: str) -> str:
    word, _, value = header.partition(" ")
    if word.lower() != scheme.lower() or not value:
        raise AuthenticationFailed(f"This call takes the header “Authorization: {scheme} ...”.")
    return value.strip()


def identified(header: str, scheme: str) -> tuple[uuid.UUID, str]:
    """Split `<scheme> <uuid>:<secret>`."""
    name, _, secret = credential(header, scheme).partition(":")
    try:
        return uuid.UUID(name), secret
    except ValueError:
        raise AuthenticationFailed("The id in the credential is not a UUID.") from None
