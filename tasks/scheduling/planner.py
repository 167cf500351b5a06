"""One pass over the queue: which waiting task goes to which host. Pure: values in, plan out; same input, same output.

Knows no rows, no clock and no randomness. Order and policy are given to it.
A shape that fitted nowhere is not tried again
in the same pass, because a pass only ever takes room away.
"""

from collections.abc import Callable, Iterable, Sequence

from tasks.scheduling import fit
from tasks.scheduling.values import Host, Placement, Plan, Refusal, Request

Policy = Callable[[Request, Sequence[Host]], Host]


def plan(queue: Iterable[Request], hosts: list[Host], policy: Policy) -> Plan:
    """`queue` in the order in which tasks should start; `hosts` are used up on the way."""
    result = Plan()
    refused: dict[object, list[Refusal]] = {}
    for request in queue:
        if request.shape not in refused:
            placement, refusals = _place(request, hosts, policy)
            if placement is not None:
                result.placements.append(placement)
                continue
            refused[request.shape] = refusals
        result.refusals[request.task_id] = refused[request.shape]
    return result


def _place(request: Request, hosts: list[Host], policy: Policy) -> tuple[Placement | None, list[Refusal]]:
    fitting, refusals = [], []
    for host in hosts:
        refusal = fit.refusal(request, host)
        if refusal is None:
            fitting.append(host)
        else:
            refusals.append(refusal)
    if not fitting:
        return None, refusals
    host = policy(request, fitting)
    gpu_ids = fit.choose_cards(request, host)
    fit.book(request, host, gpu_ids)
    return Placement(request.task_id, host.agent_id, gpu_ids), []
