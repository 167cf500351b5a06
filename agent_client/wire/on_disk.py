"""Records that stay on the host's disk; other files there hold wire messages word for word."""

from typing import NotRequired, TypedDict

from agent_client.wire.report import Finish, Started


class StartedRecord(Started):
    """started.json: what is reported as started, and how to find the script's family after a crash.

    Older sub agents wrote `cgroups`, the control groups by their use, to a file of its own."""

    sid: int
    cookie: str
    cgroups: NotRequired[dict[str, str]]


class DeliveredRecord(TypedDict):
    """delivered.json: how the result and each stream were answered."""

    result_code: str
    streams: dict[str, str]
    commit_seq: NotRequired[int | None]


class RetainedRecord(TypedDict):
    """retained/<id>.json: what is left of a folder that went, in case the server loses what it had acknowledged."""

    sub_agent_id: str
    fence: int
    nonce: str
    token: str
    finish: Finish
    commit_seq: int | None
