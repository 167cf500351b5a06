"""Small worlds with everything in them, for property tests: hosts in use, requests of all kinds, policies; and a book
that keeps count of what is placed by its own, simpler arithmetic."""

from collections import Counter
from typing import Any

from hypothesis import strategies as st

from agents.states import PolicyName
from tasks.scheduling import capabilities, cards, fit
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.planner import ListedQueue, Plan, plan
from tasks.scheduling.policies.choice import Choice
from tasks.scheduling.values import Card, Ending, Held, Host, Placement, Request, Shape

NAMES = ("NVIDIA A100-SXM4-40GB", "Tesla T4", "NVIDIA GeForce RTX 4090")
SITE = {"matlab": 3}
policy_names = st.sampled_from(list(PolicyName))


@st.composite
def any_card(draw: st.DrawFn, number: int, index: int) -> Card:
    total = draw(st.sampled_from([None, 16384, 40960, 40960]))
    card = Card(number * 100 + index, index, total, total, 0, draw(st.sampled_from(NAMES)))
    use = draw(st.sampled_from(["idle", "idle", "idle", "part", "whole", "outside"]))
    if use == "outside":
        card.foreign_mib = draw(st.sampled_from([500, 8192, 60_000]))
        card.free_mib = None if total is None else total - card.foreign_mib
    elif use != "idle" and total is not None:
        card.holders, card.free_mib = 1, total - 6000 if use == "part" else 0
    return card


@st.composite
def any_host(draw: st.DrawFn, number: int) -> Host:
    total, memory = draw(st.sampled_from([400, 1600])), draw(st.sampled_from([None, 16384, 65536]))
    disk = draw(st.sampled_from([None, 2000, 50_000]))
    seats = draw(st.integers(0, 2))
    reserved = 7 if number >= 4 else None  # parts of the hosts 0 and 1
    in_use = draw(st.sampled_from([0, 0, 0, total // 2, total]))
    own = [draw(any_card(number, index)) for index in range(draw(st.integers(0, 3)))]
    whole = tuple((card.gpu_id, None) for card in own if card.holders and not card.free_mib)
    held = Held(in_use, gpus=whole, whole_host=in_use > 0 and draw(st.booleans()))
    return Host(
        agent_id=str(number % 4),
        name=f"host-{number % 4}" if reserved is None else f"host-{number % 4} (reservation 7)",
        total_centicores=total,
        free_centicores=total - in_use,
        total_memory_mib=memory,
        free_memory_mib=None if memory is None else memory - draw(st.sampled_from([0, 4096])),
        cards=own,
        total_disk_mib=disk,
        free_disk_mib=disk,
        total_resources={"seat": seats} if seats else {},
        free_resources={"seat": seats} if seats else {},
        labels=frozenset(draw(st.sets(st.sampled_from(["a100", "nvlink", "fast"])))),
        pools=frozenset(draw(st.sets(st.sampled_from(["blue", "red"])))),
        zone=draw(st.sampled_from(["", "eu/berlin", "eu/paris", "us"])),
        weight=draw(st.sampled_from([0.5, 1.0, 3.0])),
        load=draw(st.sampled_from([0.0, 0.7])),
        turn=draw(st.integers(0, 5)),
        holders=int(in_use > 0),
        whole_held=held.whole_host,
        reservation_id=reserved,
        endings=[Ending(draw(st.sampled_from([30.0, 1800.0, 7200.0])), held, "#99")] if in_use else [],
    )


@st.composite
def hosts(draw: st.DrawFn) -> list[Host]:
    return [draw(any_host(number)) for number in range(draw(st.sampled_from([0, 1, 3, 4, 6])))]


EXTRAS: tuple[dict[str, Any], ...] = (
    {"memory_mib": 8192},
    {"disk_mib": 900},
    {"resources": (("seat", 1),)},
    {"site_resources": (("matlab", 1),)},
    {"site_resources": (("matlab", 2),)},
    {"node_count": 2},
    {"node_count": 3},
    {"whole_host": True},
    {"hosts": ("host-0", "host-1")},
    {"exclude_hosts": ("host-0",)},
    {"pool": "blue"},
    {"requires": "a100 & !fast"},
    {"requires": "nvlink | fast"},
    {"prefers": ("fast", "a100")},
    {"zone": "eu/berlin"},
    {"reservation_id": 7},
)


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Few wishes at a time, or nothing would ever fit."""
    more: dict[str, Any] = {}
    for extra in draw(st.lists(st.sampled_from(EXTRAS), max_size=1)) + draw(
        st.lists(st.sampled_from(EXTRAS), max_size=1)
    ):
        more |= extra
    if gpus := draw(st.sampled_from([0, 0, 1, 1, 2])):
        share = draw(st.booleans())
        more |= {"gpu_count": gpus, "gpu_share": share}
        more["gpu_memory_mib"] = draw(st.sampled_from([4096, 12288] if share else [0, 0, 40000]))
        more["gpu_types"] = draw(st.sampled_from([(), (), (), ("a100",), ("t4", "rtx 4090")]))
        more["gpu_indices"] = draw(st.sampled_from([(), (), (), (1,)])) if gpus == 1 else ()
    return Shape(draw(st.sampled_from([0, 50, 100, 400])), **more)


@st.composite
def queues(draw: st.DrawFn) -> list[Request]:
    """Some of one shape, as in life."""
    known = [draw(shapes()) for _ in range(draw(st.integers(1, 4)))]
    found = []
    for number in range(draw(st.integers(5, 14))):
        waited, seconds = draw(st.sampled_from([0.0, 1000.0])), draw(st.sampled_from([60, 3600, 86400]))
        found.append(Request(number, draw(st.sampled_from(known)), seconds, waited, draw(st.integers(1, 2))))
    return found


def planned(queue: list[Request], on: list[Host], policy: str, hold_after: float = 600.0) -> Plan:
    """Books on the hosts given."""
    return plan(ListedQueue(queue), Fleet(on, SITE), Choice(policy, {"blue": "round_robin"}, seed=5), hold_after)


class Book:
    """What was free on the hosts before, less what each placement takes; says what is taken twice."""

    def __init__(self, given: list[Host]) -> None:
        self._given = given
        self.free: Counter[tuple[int, str]] = Counter()
        for number, host in enumerate(given):
            self.free[number, "cpu"] = host.free_centicores
            self.free[number, "memory"] = host.free_memory_mib or 0
            self.free[number, "disk"] = host.free_disk_mib or 0
            self.free[number, "seat"] = host.free_resources.get("seat", 0)
            for card in host.cards:
                self.free[number, f"card {card.gpu_id}"] = card.free_mib or 0
        self.tenants: dict[int, list[Shape]] = {number: [] for number in range(len(given))}
        self.on_card: dict[int, list[Shape]] = {}
        self.site = Counter(SITE)

    def take(self, placement: Placement) -> None:
        shape = placement.request.shape
        self.site.subtract(dict(shape.site_resources))
        for member in placement.members:
            number = self._place(member.agent_id, shape.reservation_id, member.gpu_ids)
            self.tenants[number].append(shape)
            taken = {"cpu": shape.cpu_centicores, "memory": shape.memory_mib, "disk": shape.disk_mib}
            for name, amount in {**taken, **dict(shape.resources)}.items():
                self.free[number, name] -= amount
            for gpu_id in member.gpu_ids:
                self.on_card.setdefault(gpu_id, []).append(shape)
                self.free[number, f"card {gpu_id}"] -= shape.gpu_memory_mib

    def overdrawn(self) -> list[Any]:
        found: list[Any] = [key for key, left in self.free.items() if left < 0 and self._is_known(key)]
        found += [name for name, left in self.site.items() if left < 0]
        for number, shapes in self.tenants.items():
            alone = any(shape.whole_host for shape in shapes)
            if alone and (len(shapes) > 1 or self._given[number].holders):
                found.append((number, "whole host"))
        return found + [gpu_id for gpu_id, shapes in self.on_card.items() if not self._may_share(gpu_id, shapes)]

    def _place(self, agent_id: str, reservation_id: int | None, gpu_ids: tuple[int, ...]) -> int:
        """Hosts of one machine are told apart by the reservation, and two parts of one by their cards."""
        for number, host in enumerate(self._given):
            own = {card.gpu_id for card in host.cards}
            if (host.agent_id, host.reservation_id) == (agent_id, reservation_id) and own.issuperset(gpu_ids):
                return number
        raise AssertionError(f"no host {agent_id} for reservation {reservation_id} with cards {gpu_ids}")

    def _is_known(self, key: tuple[int, str]) -> bool:
        """Overdrawn by us, and not by an outsider before."""
        host, name = self._given[key[0]], key[1]
        if name.startswith("card"):
            gpu_id = int(name.split()[1])
            (card,) = (card for card in host.cards if card.gpu_id == gpu_id)
            return bool(self.on_card.get(gpu_id)) and card.free_mib is not None  # a whole host has those of any size
        return bool(self.tenants[key[0]]) and not (name == "memory" and host.free_memory_mib is None)

    def _may_share(self, gpu_id: int, shapes: list[Shape]) -> bool:
        (card,) = (card for host in self._given for card in host.cards if card.gpu_id == gpu_id)
        if all(shape.gpu_share and not shape.whole_host for shape in shapes):
            return True
        is_enough = shapes[0].gpu_share  # who has the host to himself may ask for less than whole cards
        return len(shapes) == 1 and (card.is_idle or is_enough)


def breaks_a_wish(placement: Placement, given: list[Host]) -> str:
    """What a placement does against the request's own words; empty when nothing."""
    shape = placement.request.shape
    if len(placement.members) != shape.node_count or len({m.agent_id for m in placement.members}) != shape.node_count:
        return "hosts"
    for member in placement.members:
        own = [h for h in given if (h.agent_id, h.reservation_id) == (member.agent_id, shape.reservation_id)]
        if not any(_suits(shape, host, member.gpu_ids) for host in own):
            return f"host {member.agent_id}"
    return ""


def _suits(shape: Shape, host: Host, gpu_ids: tuple[int, ...]) -> bool:
    own = [card for card in host.cards if card.gpu_id in gpu_ids]
    many = len(own) >= shape.gpu_count if shape.whole_host else len(own) == shape.gpu_count
    right = [card for card in own if cards.could(shape, card)]
    return (
        len(own) == len(gpu_ids)
        and many
        and len(right) >= shape.gpu_count
        and (not shape.hosts or host.name in shape.hosts)
        and host.name not in shape.exclude_hosts
        and (not shape.pool or shape.pool in host.pools)
        and capabilities.holds(shape.requires, host.labels)
    )


def rooms(shape: Shape, on: list[Host]) -> list[int]:
    return [place for place, host in enumerate(on) if fit.refusal(shape, host) is None]
