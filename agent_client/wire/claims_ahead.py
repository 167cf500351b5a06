"""Claims ahead: with a heartbeat or a report of the whole host, what has just been placed on it is claimed unseen."""

from typing import TypedDict

from agent_client.wire.claim import Grant


class ClaimsAhead(TypedDict):
    """Each of `nonces` may be granted one sub agent; `again`: those whose answers were lost. `generation` and
    `commit_seq` are the latest that were heard. Answered with nothing when a call with a higher `seq` came before."""

    epoch: int
    seq: int
    nonces: list[str]
    again: list[str]
    generation: str
    commit_seq: int


class GrantedAhead(TypedDict):
    nonce: str
    grant: Grant
