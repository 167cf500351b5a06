"""Properties of the planner: never over-commits, never skips who fits, same input gives the same plan."""

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.scheduling import fit
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.planner import ListedQueue, Plan, plan
from tasks.scheduling.policies.best_fit import BestFit
from tasks.scheduling.values import Card, Host, Request, Shape

cards = st.builds(
    lambda index, total: Card(gpu_id=index, index=index, total_mib=total, free_mib=total),
    st.integers(0, 0),
    st.sampled_from([None, 12288, 24576, 49152]),
)


@st.composite
def hosts(draw: st.DrawFn) -> list[Host]:
    found = []
    for number in range(draw(st.integers(0, 4))):
        centicores = draw(st.integers(0, 1600))
        memory = draw(st.one_of(st.none(), st.integers(0, 65536)))
        own = draw(st.lists(cards, max_size=4))
        for index, card in enumerate(own):
            card.gpu_id, card.index = number * 100 + index, index
        found.append(Host(str(number), f"host-{number}", centicores, centicores, memory, memory, own))
    return found


def asks(task_id: int, centicores: int, **more: Any) -> Request:
    return Request(task_id, Shape(centicores, **more))


@st.composite
def queues(draw: st.DrawFn) -> list[Request]:
    found = []
    for task_id in range(draw(st.integers(0, 12))):
        gpu_count = draw(st.integers(0, 3))
        share = gpu_count > 0 and draw(st.booleans())
        gpu_memory = draw(st.sampled_from([4096, 12288, 40960])) if share else draw(st.sampled_from([0, 12288]))
        found.append(
            asks(
                task_id,
                draw(st.integers(0, 800)),
                memory_mib=draw(st.sampled_from([0, 1024, 40000])),
                gpu_count=gpu_count,
                gpu_memory_mib=gpu_memory if gpu_count else 0,
                gpu_share=share,
            )
        )
    return found


def made(queue: list[Request], given_hosts: list[Host]) -> tuple[Plan, list[Host]]:
    used = copy.deepcopy(given_hosts)
    return planned(queue, used), used


def planned(queue: list[Request], on: list[Host]) -> Plan:
    policy = BestFit()
    return plan(ListedQueue(queue), Fleet(on), lambda shape: policy)


def gone_to(result: Plan) -> dict[int, str]:
    return {item.request.id: item.members[0].agent_id for item in result.placements}


@given(queues(), hosts())
@settings(deadline=None)
def test_no_resource_of_any_host_is_booked_twice(queue: list[Request], given_hosts: list[Host]) -> None:
    result, _ = made(queue, given_hosts)
    for host in given_hosts:
        placed = [
            (item.request.shape, member.gpu_ids)
            for item in result.placements
            for member in item.members
            if member.agent_id == host.agent_id
        ]
        assert sum(shape.cpu_centicores for shape, _ in placed) <= host.total_centicores
        if any(shape.memory_mib for shape, _ in placed):
            assert sum(shape.memory_mib for shape, _ in placed) <= (host.total_memory_mib or 0)
        for card in host.cards:
            users = [shape for shape, gpu_ids in placed if card.gpu_id in gpu_ids]
            assert len(users) <= 1 or all(shape.gpu_share for shape in users)
            asked = sum(shape.gpu_memory_mib for shape in users)
            assert asked <= (card.total_mib or 0) or not users[0].gpu_memory_mib


@given(queues(), hosts())
@settings(deadline=None)
def test_each_task_is_placed_or_refused_by_every_host(queue: list[Request], given_hosts: list[Host]) -> None:
    result, _ = made(queue, given_hosts)
    placed = gone_to(result)
    for request in queue:
        if request.id not in placed:
            assert any(request.shape == other.shape for other in result.refused)
            assert {refusal.host for refusal in result.refusals(request)} == {host.name for host in given_hosts}


@given(queues(), hosts())
@settings(deadline=None)
def test_who_is_left_over_fits_nowhere_any_more(queue: list[Request], given_hosts: list[Host]) -> None:
    result, used = made(queue, given_hosts)
    placed = gone_to(result)
    for request in queue:
        if request.id not in placed:
            assert all(fit.refusal(request.shape, host) is not None for host in used)


@given(queues(), hosts())
@settings(deadline=None)
def test_each_placement_has_the_cards_it_asked_for(queue: list[Request], given_hosts: list[Host]) -> None:
    result, _ = made(queue, given_hosts)
    for item in result.placements:
        for member in item.members:
            assert len(set(member.gpu_ids)) == item.request.shape.gpu_count


@given(queues(), hosts())
@settings(deadline=None)
def test_the_same_input_gives_the_same_plan(queue: list[Request], given_hosts: list[Host]) -> None:
    assert made(queue, given_hosts)[0].placements == made(queue, given_hosts)[0].placements


def host(name: str, centicores: int, memory: int = 65536, gpus: int = 0) -> Host:
    own = [Card(hash(name) % 1000 * 10 + index, index, 12288, 12288) for index in range(gpus)]
    return Host(name, name, centicores, centicores, memory, memory, own)


def test_seed_example_goes_to_the_cpu_host_and_the_gpu_host() -> None:
    """Seed 000's scenario: 4 cores and 8 GB on the CPU machine, 8 cores,
    16 GB and a GPU of 12 GB on the GPU machine."""
    both = [host("gpu", 3200, 131072, gpus=4), host("cpu", 1600, 65536)]
    queue = [asks(1, 400, memory_mib=8192), asks(2, 800, memory_mib=16384, gpu_count=1, gpu_memory_mib=12288)]
    assert gone_to(planned(queue, both)) == {1: "cpu", 2: "gpu"}


def test_a_cpu_task_takes_a_gpu_host_when_no_other_fits() -> None:
    assert gone_to(planned([asks(1, 2000)], [host("cpu", 1600), host("gpu", 3200, gpus=1)])) == {1: "gpu"}


def test_shares_are_packed_onto_the_fuller_card() -> None:
    one = host("gpu", 3200, gpus=2)
    queue = [asks(task_id, 100, gpu_count=1, gpu_memory_mib=4096, gpu_share=True) for task_id in range(6)]
    used = [item.members[0].gpu_ids[0] for item in planned(queue, [one]).placements]
    assert len(used) == 6
    assert used[:3] == [used[0]] * 3
    assert used[3:] == [used[3]] * 3


def test_a_smaller_task_behind_one_that_does_not_fit_starts() -> None:
    big = asks(1, 800)
    result = planned([big, asks(2, 200)], [host("cpu", 400)])
    assert list(gone_to(result)) == [2]
    assert result.refusals(big)[0].reason == "has 4 CPU cores in all"
