"""The fake server's part in claims ahead: what was put on it goes, once, to the next call that claims ahead."""

from typing import Any

from agent_client.main_agent.claims_ahead import MOST_AGAIN

ASKED = {"epoch", "seq", "nonces", "again", "generation", "commit_seq"}


class FakeAhead:
    """`placed`: the grants that nobody has claimed yet. `by_nonce`: those that were claimed, whoever heard of it."""

    def __init__(self) -> None:
        self.placed: list[dict[str, Any]] = []
        self.by_nonce: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self._latest = (0, 0)

    def granted(self, asked: dict[str, Any] | None, epoch: int) -> list[dict[str, Any]]:
        if asked is None:
            return []
        assert set(asked) == ASKED
        assert len(asked["again"]) <= MOST_AGAIN, "a real server takes no more"
        self.asked.append(asked)
        number = (asked["epoch"], asked["seq"])
        if asked["epoch"] != epoch or number <= self._latest:
            return []
        self._latest = number
        fresh = dict(zip(asked["nonces"], self.placed, strict=False))
        self.placed = self.placed[len(fresh) :]
        self.by_nonce |= fresh
        known = [nonce for nonce in [*asked["again"], *fresh] if nonce in self.by_nonce]
        return [{"nonce": nonce, "grant": self.by_nonce[nonce]} for nonce in known]

    def never_arrived(self, body: dict[str, Any]) -> list[str]:
        """What a session with this inventory takes back, as never started."""
        listed = {row["sub_agent_id"] for row in body["sub_agents"]}
        told = tuple(f"{name}-" for name in body["incarnations"])
        gone = [nonce for nonce, grant in self.by_nonce.items() if grant["sub_agent_id"] not in listed]
        lost = [nonce for nonce in gone if nonce.startswith(told)] if body["inventory_complete"] else []
        return [self.by_nonce.pop(nonce)["sub_agent_id"] for nonce in lost]
