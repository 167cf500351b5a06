"""Notices that the server's database was replaced by an older copy, and tells it again what it had acknowledged.

By a number that only rises with all that the server commits: a lower one than was seen means that something is gone.
And by a word that every restore of a backup changes, for the number may have risen again by then. A main agent that has
just started tells it all as well, for it does not know what happened meanwhile.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from agent_client import retained, wire
from agent_client.http import AgentHttp, ProtocolError
from agent_client.main_agent.claim import ask_again
from agent_client.main_agent.context import Context
from agent_client.system_log import EventLog

log = EventLog(loop="beat")
ENTRIES_AT_ONCE = 50
BYTES_AT_ONCE = 1 << 20


class Amnesia:
    def __init__(self, context: Context, http: AgentHttp) -> None:
        self._context = context
        self._parent = context.retained
        self._http = http
        self._seen = max((row["commit_seq"] or 0 for row in retained.load(self._parent)), default=0)
        self._generation: str | None = None

    def heed(self, reply: Mapping[str, Any]) -> bool:
        """True: the server has forgotten something, and a session must be opened to find out what."""
        has_forgotten = self._has_fallen(reply.get("commit_seq"))
        has_forgotten = self._is_another(reply.get("generation")) or has_forgotten
        if has_forgotten:
            log.error("server_forgot", detail="its database is older than what it had told; results are told again")
        return has_forgotten

    def _has_fallen(self, number: object) -> bool:
        if not isinstance(number, int):
            return False
        before, self._seen = self._seen, number
        return number < before

    def _is_another(self, generation: object) -> bool:
        if not isinstance(generation, str):
            return False
        before, self._generation = self._generation, generation
        return before not in (None, generation)

    def rows(self) -> list[wire.InventoryRow]:
        """What a session says of results whose folders have gone. Each one does: an older copy may have come a moment
        ago, and would call gone what is not listed."""
        if self._context.hands_off:
            return []
        return [
            {
                "sub_agent_id": row["sub_agent_id"],
                "fence": row["fence"],
                "local_state": "finished",
                "sizes": row["finish"].get("sizes") or {},
                "is_retained": True,
            }
            for row in retained.load(self._parent)
        ]

    def tell(self, directives: Iterable[wire.Directive]) -> None:
        """Send again what the server asks for of it."""
        if self._context.hands_off:
            return
        wanted = {row["sub_agent_id"] for row in directives if row["kind"] == "send_result"}
        if wanted:
            self._send(row for row in retained.load(self._parent) if row["sub_agent_id"] in wanted)

    def withhold(self, assignments: Iterable[wire.Assignment]) -> list[wire.Assignment]:
        """Those that were not executed here before. Of the others the server has forgotten even that it granted them:
        they are claimed once more under the old nonce, and their results told again, but nothing is executed twice."""
        fresh = []
        for assignment in assignments:
            row = retained.find(self._parent, assignment["sub_agent_id"])
            if row is None or row["fence"] != assignment["fence"]:
                fresh.append(assignment)
            else:
                self._claim_again(row)
                self._send([row])
        return fresh

    def _claim_again(self, row: wire.RetainedRecord) -> None:
        numbers = {"epoch": self._context.epoch or 0, "fence": row["fence"], "nonce": row["nonce"]}
        request = cast("wire.ClaimRequest", {**numbers, "master_port": None})
        ask_again(self._http, row["sub_agent_id"], request)

    def _send(self, rows: Iterable[wire.RetainedRecord]) -> None:
        for part in in_parts(_entry(row) for row in rows):
            try:
                replies = self._http.report({"entries": part})["replies"]
            except ProtocolError as error:
                if error.code not in ("bad_message", "too_large"):
                    raise
                ids = " ".join(entry["sub_agent_id"] for entry in part)
                log.error("results_refused", code=error.code, detail=f"{error.detail} Told again: {ids}")
                continue  # one that no server can read must not keep this host from its session
            for entry, own in zip(part, replies, strict=False):
                log.warning("result_told_again", sub_agent_id=entry["sub_agent_id"], code=own["code"])


def in_parts(entries: Iterable[wire.ReportEntry]) -> Iterator[list[wire.ReportEntry]]:
    """What fits into one message each, however large the results are."""
    part: list[wire.ReportEntry] = []
    size = 0
    for entry in entries:
        length = len(json.dumps(entry))
        if part and (len(part) >= ENTRIES_AT_ONCE or size + length > BYTES_AT_ONCE):
            yield part
            part, size = [], 0
        part.append(entry)
        size += length
    if part:
        yield part


def _entry(row: wire.RetainedRecord) -> wire.ReportEntry:
    return {
        "sub_agent_id": row["sub_agent_id"],
        "fence": row["fence"],
        "token": row["token"],
        "started": None,
        "usage": None,
        "skips": [],
        "output": [],
        "finish": row["finish"],
        "log_close": [],
    }
