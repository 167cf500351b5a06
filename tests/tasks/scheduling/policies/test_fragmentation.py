"""The fragmentation-aware policy: perfect fits, stranded cards, whole cards kept together, types, learning."""

from collections.abc import Sequence

import pytest

from tasks.models import Task
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.planner import ListedQueue, plan
from tasks.scheduling.policies.fragmentation import Fragmentation
from tasks.scheduling.rows.recent_demand import RecentDemand
from tasks.scheduling.values import Card, Host, Request, Shape
from tests.factories import make_task

T4 = 16384


def host(name: str, cores: int, free: Sequence[int], total: int = T4, card: str = "Tesla T4") -> Host:
    """`free`: MiB of each card; less than all of it means that somebody has the rest."""
    own = [Card(hash(name) % 10**6 * 100 + n, n, total, mib, int(mib < total), card) for n, mib in enumerate(free)]
    return Host(name, name, cores * 100, cores * 100, 262144, 262144, own)


def share(mib: int, cores: int = 2) -> Shape:
    return Shape(cores * 100, gpu_count=1, gpu_memory_mib=mib, gpu_share=True)


def whole(cards: int = 1, cores: int = 4) -> Shape:
    return Shape(cores * 100, gpu_count=cards)


def informed(*shapes: Shape) -> Fragmentation:
    policy = Fragmentation()
    for _ in range(50):
        for shape in shapes:
            policy.learn(shape)
    return policy


def chosen(policy: Fragmentation, shape: Shape, *hosts: Host) -> tuple[str, list[int]]:
    result = plan(ListedQueue([Request(1, shape)]), Fleet(hosts), lambda _: policy)
    (member,) = result.placements[0].members
    on = next(host for host in hosts if host.agent_id == member.agent_id)
    return on.name, [card.index for card in on.cards if card.gpu_id in member.gpu_ids]


def test_a_share_completes_a_card_rather_than_opening_one_or_leaving_a_useless_rest() -> None:
    """5 GiB on a card with 6 would leave 1; on the card with 5 they leave nothing, and 6 stay for two of 3."""
    policy = informed(share(5120), share(3072), whole())
    on = host("a", 64, [10240, 6144, 5120, 10240], total=10240)
    assert chosen(policy, share(5120), on) == ("a", [2])


def test_a_cpu_task_goes_where_the_cards_are_taken_already() -> None:
    policy = informed(whole(), whole(), Shape(800))
    assert chosen(policy, Shape(800), host("free", 16, [T4] * 4), host("taken", 16, [0] * 4))[0] == "taken"


def test_single_cards_are_taken_where_no_group_is_broken() -> None:
    policy = informed(whole(4, 16), whole(1, 4), whole(1, 4))
    assert chosen(policy, whole(), host("four", 32, [T4] * 4), host("three", 32, [T4, T4, T4, 0]))[0] == "three"


def test_cards_that_others_need_by_type_are_spared() -> None:
    only_a100 = Shape(400, gpu_count=1, gpu_types=("a100",))
    policy = informed(only_a100, only_a100, whole())
    a100 = host("a100", 32, [81920] * 2, 81920, "NVIDIA A100-SXM4-80GB")
    assert chosen(policy, whole(), a100, host("t4", 32, [T4] * 2))[0] == "t4"


def test_of_two_hosts_that_cost_the_same_the_fuller_one() -> None:
    policy = informed(whole())
    assert chosen(policy, whole(), host("empty", 256, [T4] * 4), host("half", 256, [T4, T4, 0, 0]))[0] == "half"


def test_nothing_learned_yet_is_no_obstacle() -> None:
    assert chosen(Fragmentation(), share(4096), host("a", 8, [T4]))[0] == "a"
    assert chosen(Fragmentation(), Shape(100), host("a", 8, []))[0] == "a"


def test_cards_of_unknown_memory_are_taken_whole() -> None:
    unknown = Host("u", "u", 800, 800, None, None, [Card(1, 0, None, None, 1), Card(2, 1, None, None)])
    assert chosen(informed(whole(), share(4096)), whole(), unknown) == ("u", [1])


def test_keys_become_void_when_the_mix_has_changed_much() -> None:
    policy = Fragmentation()
    versions = []
    for _ in range(100):
        policy.learn(whole())
        versions.append(policy.version)
    assert versions[0] == 1
    assert 3 <= versions[-1] <= 6


@pytest.mark.django_db
def test_it_learns_from_what_was_submitted_each_task_once() -> None:
    recent = RecentDemand()
    learned: list[Shape] = []
    recent.policy.learn = learned.append  # type: ignore[method-assign]
    make_task(cpu_cores=3)
    make_task(gpu_count=1)
    recent.catch_up(frozenset())
    recent.catch_up(frozenset())
    assert [(shape.cpu_centicores, shape.gpu_count) for shape in learned] == [(300, 0), (100, 1)]
    make_task(cpu_cores=5)
    recent.catch_up(frozenset())
    assert learned[-1].cpu_centicores == 500
    Task.objects.all().delete()
    recent.catch_up(frozenset())
    make_task(cpu_cores=7)
    recent.catch_up(frozenset())
    assert learned[-1].cpu_centicores == 700
