"""Properties of the planner: never over-commits, never skips who fits, same input gives the same plan."""

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.scheduling import fit
from tasks.scheduling.planner import plan
from tasks.scheduling.policies import best_fit
from tasks.scheduling.values import Card, Host, Plan, Request

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


@st.composite
def queues(draw: st.DrawFn) -> list[Request]:
    found = []
    for task_id in range(draw(st.integers(0, 12))):
        gpu_count = draw(st.integers(0, 3))
        share = gpu_count > 0 and draw(st.booleans())
        gpu_memory = draw(st.sampled_from([4096, 12288, 40960])) if share else draw(st.sampled_from([0, 12288]))
        found.append(
            Request(
                task_id,
                draw(st.integers(0, 800)),
                draw(st.sampled_from([0, 1024, 40000])),
                gpu_count,
                gpu_memory if gpu_count else 0,
                share,
            )
        )
    return found


def made(queue: list[Request], given_hosts: list[Host]) -> tuple[Plan, list[Host]]:
    used = copy.deepcopy(given_hosts)
    return plan(queue, used, best_fit.choose), used


@given(queues(), hosts())
@settings(deadline=None)
def test_no_resource_of_any_host_is_booked_twice(queue: list[Request], given_hosts: list[Host]) -> None:
    result, _ = made(queue, given_hosts)
    requests = {request.task_id: request for request in queue}
    for host in given_hosts:
        placed = [
            (requests[item.task_id], item.gpu_ids) for item in result.placements if item.agent_id == host.agent_id
        ]
        assert sum(request.cpu_centicores for request, _ in placed) <= host.total_centicores
        if any(request.memory_mib for request, _ in placed):
            assert sum(request.memory_mib for request, _ in placed) <= (host.total_memory_mib or 0)
        for card in host.cards:
            users = [request for request, gpu_ids in placed if card.gpu_id in gpu_ids]
            assert len(users) <= 1 or all(request.gpu_share for request in users)
            assert (
                sum(request.gpu_memory_mib for request in users) <= (card.total_mib or 0) or not users[0].gpu_memory_mib
            )


@given(queues(), hosts())
@settings(deadline=None)
def test_each_task_is_placed_or_refused_by_every_host(queue: list[Request], given_hosts: list[Host]) -> None:
    result, _ = made(queue, given_hosts)
    placed = {item.task_id for item in result.placements}
    assert placed | set(result.refusals) == {request.task_id for request in queue}
    assert not placed & set(result.refusals)
    for refusals in result.refusals.values():
        assert {refusal.host for refusal in refusals} == {host.name for host in given_hosts}


@given(queues(), hosts())
@settings(deadline=None)
def test_who_is_left_over_fits_nowhere_any_more(queue: list[Request], given_hosts: list[Host]) -> None:
    result, used = made(queue, given_hosts)
    for request in queue:
        if request.task_id in result.refusals:
            assert all(fit.refusal(request, host) is not None for host in used)


@given(queues(), hosts())
@settings(deadline=None)
def test_each_placement_has_the_cards_it_asked_for(queue: list[Request], given_hosts: list[Host]) -> None:
    result, _ = made(queue, given_hosts)
    requests = {request.task_id: request for request in queue}
    for item in result.placements:
        assert len(set(item.gpu_ids)) == requests[item.task_id].gpu_count


@given(queues(), hosts())
@settings(deadline=None)
def test_the_same_input_gives_the_same_plan(queue: list[Request], given_hosts: list[Host]) -> None:
    assert made(queue, given_hosts)[0] == made(queue, given_hosts)[0]


def host(name: str, centicores: int, memory: int = 65536, gpus: int = 0) -> Host:
    own = [Card(hash(name) % 1000 * 10 + index, index, 12288, 12288) for index in range(gpus)]
    return Host(name, name, centicores, centicores, memory, memory, own)


def test_seed_example_goes_to_the_cpu_host_and_the_gpu_host() -> None:
    """Seed 000's scenario: 4 cores and 8 GB on the CPU machine, 8 cores,
    16 GB and a GPU of 12 GB on the GPU machine."""
    both = [host("gpu", 3200, 131072, gpus=4), host("cpu", 1600, 65536)]
    queue = [Request(1, 400, 8192), Request(2, 800, 16384, 1, 12288)]
    result = plan(queue, both, best_fit.choose)
    assert {item.task_id: item.agent_id for item in result.placements} == {1: "cpu", 2: "gpu"}


def test_a_cpu_task_takes_a_gpu_host_when_no_other_fits() -> None:
    result = plan([Request(1, 2000)], [host("cpu", 1600), host("gpu", 3200, gpus=1)], best_fit.choose)
    assert result.placements[0].agent_id == "gpu"


def test_shares_are_packed_onto_the_fuller_card() -> None:
    one = host("gpu", 3200, gpus=2)
    queue = [Request(task_id, 100, 0, 1, 4096, True) for task_id in range(6)]
    result = plan(queue, [one], best_fit.choose)
    used = [item.gpu_ids[0] for item in result.placements]
    assert len(used) == 6
    assert used[:3] == [used[0]] * 3
    assert used[3:] == [used[3]] * 3


def test_a_smaller_task_behind_one_that_does_not_fit_starts() -> None:
    result = plan([Request(1, 800), Request(2, 200)], [host("cpu", 400)], best_fit.choose)
    assert [item.task_id for item in result.placements] == [2]
    assert result.refusals[1][0].reason == "has 4 CPU cores in all"
