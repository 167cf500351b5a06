"""What really happened in a world, and what the server once said of it: the shadow that invariants compare rows with.

`script_begins` and `script_ends` are facts of the hosts, whatever the server believes.
"""

from collections import Counter, defaultdict
from typing import Any

from agents.models import Agent
from agents.states import Standing
from tasks.models import SubAgent
from tests.machine.host import Folder
from tests.machine.network import Call

CLAIM = "/claim"


class Truth:
    def __init__(self) -> None:
        self.executions: Counter[str] = Counter()  # by sub agent
        self.running: defaultdict[int, set[str]] = defaultdict(set)  # task -> sub agents whose script runs now
        self.wrong: list[str] = []
        self.results: defaultdict[str, dict[str, Any]] = defaultdict(dict)  # sub agent -> digest -> finish
        self.acknowledged: dict[str, dict[str, Any]] = {}  # sub agent -> the finish that the server said ok to
        self.canceled_unclaimed: set[int] = set()
        self.granted_ahead = 0

    def script_begins(self, folder: Folder) -> None:
        task_id = folder.assignment["task_id"]
        self.executions[folder.sub_agent_id] += 1
        if self.executions[folder.sub_agent_id] > 1:
            self.wrong.append(f"I8: sub agent {folder.sub_agent_id} of #{task_id} was executed twice")
        if task_id in self.canceled_unclaimed:
            self.wrong.append(f"I6: #{task_id} was canceled before its claim and executed all the same")
        if self.running[task_id]:
            self.wrong.append(f"I9: two scripts of #{task_id} run at the same time")
        self.running[task_id].add(folder.sub_agent_id)

    def script_ends(self, folder: Folder) -> None:
        self.running[folder.assignment["task_id"]].discard(folder.sub_agent_id)

    def saw(self, call: Call, status: int, body: dict[str, Any]) -> None:
        """An exchange, as the server answered it."""
        if call.path == "report" and status == 200:
            for entry, reply in zip(call.body["entries"], body["replies"], strict=True):
                self._saw_entry(entry, reply)
        if call.path.endswith(CLAIM) and status == 200:
            self._saw_grant(call.path.split("/")[1], call.body["nonce"])
        for row in (body.get("granted") or []) if status == 200 else []:
            self.granted_ahead += 1
            self._saw_grant(row["grant"]["sub_agent_id"], row["nonce"])

    def _saw_entry(self, entry: dict[str, Any], reply: dict[str, Any]) -> None:
        finish = entry.get("finish")
        if finish is None:
            return
        self.results[entry["sub_agent_id"]][finish["digest"]] = finish
        if reply["code"] == "ok":
            known = self.acknowledged.setdefault(entry["sub_agent_id"], finish)
            if known["digest"] != finish["digest"]:
                self.wrong.append(f"I4: two results of {entry['sub_agent_id']} were both acknowledged")

    def _saw_grant(self, sub_agent_id: str, nonce: str) -> None:
        """The host may execute from now on: under the nonce it named, and under no other."""
        row = SubAgent.objects.filter(pk=sub_agent_id).values("claim_nonce", "agent_id").get()
        if row["claim_nonce"] != nonce:
            self.wrong.append(f"P1: {sub_agent_id} was granted under a nonce that the server does not hold")
        standing = Agent.objects.values_list("standing", flat=True).get(pk=row["agent_id"])
        if standing == Standing.DEACTIVATED:
            self.wrong.append(f"I15: {sub_agent_id} was granted to a host that is {standing}")
