"""A new secret for a host."""

from typing import TypedDict


class SecretRequest(TypedDict):
    epoch: int


class SecretReply(TypedDict):
    agent_secret: str
