"""A worker host that exists on paper: its disk, its main agent, its sub agents and their scripts.

The decisions are those of the real main agent (agent_client.reconcile and BeatMemory); files, processes and the
network are made up. What lies in `folders` survives everything but its removal; threads survive nothing.
"""

import contextlib
import hashlib
import itertools
import json
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, Protocol

from agent_client import reconcile
from agent_client.journal import LocalRecord
from agent_client.main_agent.claims_ahead import ClaimsAhead, Granted
from agent_client.main_agent.memory import BeatMemory
from tests.machine.network import Answer, Call, Line, Network, NoAnswer, Refused, Thread, ask

REPORTS_AFTER = 3  # turns
FINAL_CODES = ("ok", "already_final", "sub_agent_closed")
_numbers = itertools.count()


class Eyes(Protocol):
    """Who sees what really happens on hosts, whatever anybody says of it."""

    def script_begins(self, folder: "Folder") -> None: ...

    def script_ends(self, folder: "Folder") -> None: ...


@dataclass
class Folder:
    """One sub agent on disk. `line` is its process: alive as long as it is there."""

    assignment: dict[str, Any]
    nonce: str
    grant: dict[str, Any] | None = None
    boot_id: str = ""
    is_started: bool = False
    exit: dict[str, Any] | None = None
    stop: dict[str, Any] | None = None
    is_delivered: bool = False
    line: Line | None = None
    lease_until: float | None = None  # of a task that another host may take over
    wrote: bytes = b""

    @property
    def sub_agent_id(self) -> str:
        return str(self.assignment["sub_agent_id"])

    @property
    def runs(self) -> bool:
        return self.line is not None and self.is_started and self.exit is None

    @property
    def local_state(self) -> Any:
        if self.exit is not None:
            return "finished"
        return "running" if self.is_started else "claimed" if self.grant else "assigned"

    def renew(self, sent_at: float, renewal: dict[str, float] | None) -> None:
        """Counted from the sending of what was answered; never shorter than it was."""
        if renewal is not None:
            self.lease_until = max(self.lease_until or 0.0, sent_at + renewal["stop_after_seconds"])

    def record(self) -> LocalRecord:
        fence, task_id = self.assignment["fence"], self.assignment["task_id"]
        is_alive = self.line is not None
        return LocalRecord(self.sub_agent_id, fence, task_id, self.local_state, is_alive, self.is_delivered)


@dataclass
class Host:
    name: str
    agent_id: str
    secret: str
    network: Network
    clock: Callable[[], float]
    eyes: Eyes
    resources: dict[str, Any]
    boot_id: str = "boot-0"
    folders: dict[str, Folder] = field(default_factory=dict)
    main: Line | None = None
    delivery: Line | None = None
    relay: Line | None = None
    incarnations: list[str] = field(default_factory=list)  # on disk, as folders are

    def start(self) -> None:
        """A new main agent; scripts and their sub agents go on."""
        self.incarnations.append(f"incarnation-{next(_numbers):016}")
        ahead = ClaimsAhead(self.incarnations[-8:], lambda: None, self.clock)
        self.main = Line(self.name, self._main_agent(ahead))
        self.delivery = Line(self.name, self._deliveries())
        self.relay = Line(self.name, self._relay(ahead))

    def lines(self) -> list[Line]:
        found = [self.main, self.delivery, self.relay, *(folder.line for folder in self.folders.values())]
        return [line for line in found if line is not None and not line.is_over]

    def crash_agent(self) -> None:
        for line in (self.main, self.delivery, self.relay):
            if line is not None:
                self.network.close(line)
        self.start()

    def crash_sub_agent(self, folder: Folder) -> None:
        """The kernel ends the script with it."""
        if folder.line is not None:
            if folder.runs:
                self.eyes.script_ends(folder)
            self.network.close(folder.line)
            folder.line = None

    def reboot(self) -> None:
        for folder in self.folders.values():
            self.crash_sub_agent(folder)
        self.boot_id = f"boot-{next(_numbers)}"
        self.crash_agent()

    def end_script(self, folder: Folder, reason: str, exit_code: int | None) -> None:
        self.eyes.script_ends(folder)
        self._write_exit(folder, reason, exit_code)

    def fence(self) -> None:
        """Scripts whose lease is over are ended, heard or not. Nobody here needs time to die."""
        for folder in self.folders.values():
            if folder.runs and folder.lease_until is not None and folder.lease_until <= self.clock():
                self.end_script(folder, "fenced", None)

    def bury_the_dead(self) -> None:
        """What the watch loop of the main agent does: a script whose sub agent is gone has ended."""
        for folder in self.folders.values():
            if folder.line is not None and folder.line.is_over:
                folder.line = None
            if folder.line is None and folder.is_started and folder.exit is None:
                self._write_exit(folder, "sub_lost" if folder.boot_id == self.boot_id else "host_rebooted", None)

    @property
    def credential(self) -> str:
        return f"Agent {self.agent_id}:{self.secret}"

    # The main agent

    def _main_agent(self, ahead: ClaimsAhead) -> Thread:
        memory = BeatMemory(clock=self.clock)
        epoch: int | None = None
        latest = 0
        for seq in itertools.count(1):
            try:
                if epoch is None:
                    ahead.close(0.0)  # what is under way counts as lost, as after a long wait
                    yield from self._start_granted(memory, ahead)
                    reply = yield from ask(self._call("session", self._session(ahead.incarnations, latest)))
                    epoch = latest = int(reply["epoch"])
                    yield from self._act(memory, epoch, [], reply["directives"])
                    continue
                beat = {"epoch": epoch, "seq": seq, "resources": self.resources, "accepts_work": True}
                reply = yield from self._claiming_ahead(ahead, "heartbeat", beat)
                yield from self._start_granted(memory, ahead)
                yield from self._act(memory, epoch, reply["assignments"], reply["directives"])
                if reply["inventory_wanted"]:
                    epoch = None
                else:
                    ahead.open(epoch, reply)
            except Refused as refusal:
                latest = int(refusal.body.get("epoch", latest))
                epoch = None if refusal.code == "stale_epoch" else epoch
            except NoAnswer:
                continue

    def _relay(self, ahead: ClaimsAhead) -> Thread:
        """Reports of the whole host, which claim ahead while the main thread beats or opens a session. Sub agents here
        report by themselves, so there is nothing in them."""
        while True:
            for _ in range(REPORTS_AFTER):
                yield None
            with contextlib.suppress(NoAnswer, Refused):
                yield from self._claiming_ahead(ahead, "report", {"entries": []})

    def _claiming_ahead(
        self, ahead: ClaimsAhead, path: str, body: dict[str, Any]
    ) -> Generator[Call, Answer, dict[str, Any]]:
        asked, sent_at = ahead.ask(), self.clock()
        try:
            reply = yield from ask(self._call(path, {**body, "claims_ahead": asked}))
        except (NoAnswer, Refused):
            ahead.failed(asked)
            raise
        ahead.answered(asked, reply, sent_at)
        return reply

    def _start_granted(self, memory: BeatMemory, ahead: ClaimsAhead) -> Generator[None, Answer, None]:
        """All are noted, and then started: between the two the main agent may die."""
        noted = [one for one in ahead.take() if self._is_new(one)]
        for one in noted:
            self.folders[one.grant["sub_agent_id"]] = Folder(dict(one.grant), one.nonce)
        if noted:
            yield None
        for one in noted:
            folder = self.folders[one.grant["sub_agent_id"]]
            folder.grant = dict(one.grant)
            folder.renew(one.sent_at, one.grant.get("renewal"))  # type: ignore[arg-type]
            memory.claimed(folder.sub_agent_id)
            self._launch(memory, folder)

    def _is_new(self, one: Granted) -> bool:
        known = self.folders.get(one.grant["sub_agent_id"])
        return known is None or (known.local_state == "assigned" and known.nonce != one.nonce)

    def _session(self, incarnations: list[str], after_epoch: int) -> dict[str, Any]:
        self.bury_the_dead()
        rows = [
            {"sub_agent_id": record.sub_agent_id, "fence": record.fence, "local_state": record.local_state, "sizes": {}}
            for record in (folder.record() for folder in self.folders.values())
        ]
        return {
            "boot_id": self.boot_id,
            "incarnation": incarnations[-1],
            "incarnations": incarnations,
            "after_epoch": after_epoch,
            "machine_id": self.name,
            "agent_version": "1",
            "proto": {"min": 1, "max": 1},
            "host": {"hostname": self.name},
            "inventory_complete": True,
            "sub_agents": rows,
            "resources": self.resources,
        }

    def _act(
        self, memory: BeatMemory, epoch: int, assignments: list[Any], directives: list[Any]
    ) -> Generator[Call, Answer, None]:
        self.bury_the_dead()
        records = [folder.record() for folder in self.folders.values()]
        for action in reconcile.reconcile(records, assignments, directives, memory.view(records, "")):
            match action:
                case reconcile.Claim():
                    yield from self._claim(memory, epoch, action)
                case reconcile.Launch():
                    self._launch(memory, self.folders[action.sub_agent_id])
                case reconcile.Stop():
                    self.folders[action.sub_agent_id].stop = dict(action.stop)
                case reconcile.NotStarted():
                    yield from self._not_started(memory, action.sub_agent_id, action.detail)
                case reconcile.Deliver() if action.again:
                    self.folders[action.sub_agent_id].is_delivered = False
                case reconcile.Forget():
                    self.folders.pop(action.sub_agent_id, None)
                    memory.forget(action.sub_agent_id)

    def _claim(self, memory: BeatMemory, epoch: int, action: reconcile.Claim) -> Generator[Call, Answer, None]:
        """The nonce is on disk before the call, and used again after a crash."""
        if action.assignment is not None:
            assignment = dict(action.assignment)
            self.folders[action.sub_agent_id] = Folder(assignment, f"nonce-of-{self.name}-{next(_numbers):016}")
        folder = self.folders[action.sub_agent_id]
        body = {"epoch": epoch, "fence": folder.assignment["fence"], "nonce": folder.nonce, "fences": True}
        sent_at = self.clock()
        try:
            grant = yield from ask(self._call(f"sub-agents/{action.sub_agent_id}/claim", body))
        except Refused as refusal:
            if refusal.code != "sub_agent_closed":
                raise
            self.folders.pop(action.sub_agent_id, None)
            memory.forget(action.sub_agent_id)
            return
        folder.grant = grant
        folder.renew(sent_at, grant["renewal"])
        memory.claimed(action.sub_agent_id)
        self._launch(memory, folder)

    def _launch(self, memory: BeatMemory, folder: Folder) -> None:
        folder.line = Line(self.name, self._sub_agent(folder))
        next(folder.line.thread)  # it holds its lock; the script comes with its next step
        memory.launched(folder.sub_agent_id)

    def _not_started(self, memory: BeatMemory, sub_agent_id: str, detail: str) -> Generator[Call, Answer, None]:
        """The lock first: a late sub agent finds nothing to do."""
        folder = self.folders[sub_agent_id]
        if folder.line is not None or folder.local_state != "claimed":
            memory.forget(sub_agent_id)
            return
        memory.not_started[sub_agent_id] = detail
        body = {"fence": folder.assignment["fence"], "detail": detail}
        try:
            yield from ask(self._call(f"sub-agents/{sub_agent_id}/not-started", body))
        except Refused as refusal:
            if refusal.code == "unauthorized":
                raise
        self.folders.pop(sub_agent_id, None)
        memory.forget(sub_agent_id)

    def _deliveries(self) -> Thread:
        """Results of dead sub agents."""
        while True:
            waiting = [f for f in self.folders.values() if f.exit and f.line is None and f.grant and not f.is_delivered]
            for folder in waiting:
                yield from self._reports(folder, once=True)
            yield None

    # Sub agents

    def _sub_agent(self, folder: Folder) -> Thread:
        yield None
        if folder.lease_until is not None and folder.lease_until <= self.clock():
            return  # the main agent says that it never started
        folder.is_started, folder.boot_id = True, self.boot_id
        self.eyes.script_begins(folder)
        yield from self._reports(folder, once=False)

    def _reports(self, folder: Folder, *, once: bool) -> Thread:
        """Start, output, result and the closing of the log, until the server has it all."""
        has_result = False
        while not folder.is_delivered and folder.grant is not None:
            finish = None if has_result else folder.exit
            parts = {"started": {"pid": 7}, "output": [], "finish": finish, "log_close": []}
            if has_result:
                parts["log_close"] = [{"stream": "out", "size": 0, "sha256": hashlib.sha256().hexdigest()}]
            sent_at = self.clock()
            try:
                reply = yield from ask(self._report(folder, parts))
            except (NoAnswer, Refused):
                if once:
                    return
                continue
            entry = reply["replies"][0]
            folder.stop = entry["stop"] or folder.stop
            folder.renew(sent_at, entry["renewal"] if entry["code"] == "ok" else None)
            if has_result and entry["code"] in FINAL_CODES:
                folder.is_delivered = True
            has_result = has_result or (finish is not None and entry["code"] in FINAL_CODES)
            if not has_result:
                yield None

    def _report(self, folder: Folder, parts: dict[str, Any]) -> Call:
        grant = folder.grant or {}
        token = grant["sub_agent_token"]
        entry = {"sub_agent_id": grant["sub_agent_id"], "fence": grant["fence"], "token": token, **parts}
        return Call("report", {"entries": [entry]}, f"SubAgent {grant['sub_agent_id']}:{token}")

    def _write_exit(self, folder: Folder, reason: str, exit_code: int | None) -> None:
        body = {
            "reason": reason,
            "exit_code": exit_code,
            "signal": None,
            "sent_signals": [],
            "sizes": {"out": 0},
            "duration_seconds": 1.0,
            "result": None,
            "detail": "",
            "ended_at": f"moment {next(_numbers)}",
        }
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        folder.exit = {**body, "digest": digest}

    def _call(self, path: str, body: dict[str, Any]) -> Call:
        return Call(path, body, self.credential)
