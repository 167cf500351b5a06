"""Errors of the domain, with the code and HTTP status that every API answers. Do not render anything."""

from typing import Any


class DomainError(Exception):
    """A request that the rules refuse. `detail` is one sentence for people."""

    code = "refused"
    status = 409

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra


class Conflict(DomainError):
    """The thing is not in a state in which this can be done."""

    code = "conflict"


class Invalid(DomainError):
    """A value is wrong. `field` names it as the API spells it."""

    code = "invalid"
    status = 400

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


class InvalidFields(DomainError):
    """Several values may be wrong: `fields` maps each field, as the API spells it, to its sentences."""

    code = "invalid"
    status = 400

    def __init__(self, fields: dict[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name}: {' '.join(sentences)}" for name, sentences in fields.items()))
        self.fields = fields


class BadMessage(DomainError):
    """A message from an agent that does not fit the protocol."""

    code = "bad_message"
    status = 400


class StaleEpoch(DomainError):
    code = "stale_epoch"


class Quarantined(DomainError):
    """Two main agents speak for this host: neither is believed. Ask again later."""

    code = "quarantined"
    status = 503


class UnknownSubAgent(DomainError):
    code = "unknown_sub_agent"
    status = 404


class SubAgentClosed(DomainError):
    """Not to be started, or ended already; extra `state` says how."""

    code = "sub_agent_closed"
    status = 410


class GangWaiting(DomainError):
    """Accepted, but not to be started before every host of the gang has accepted."""

    code = "gang_waiting"


class OffsetGap(DomainError):
    """Bytes beyond what is stored; extra `stored` says where to go on."""

    code = "gap"


class CrcMismatch(DomainError):
    code = "crc_mismatch"
    status = 422


class TooLarge(DomainError):
    code = "too_large"
    status = 413


class VersionTooOld(DomainError):
    code = "version_too_old"
    status = 426
