"""List hosts, their GPUs and the sub agents on them, as a tree."""

import argparse
from collections.abc import Iterator

from agent_client.cli import units
from agent_client.cli.connection import connect
from agent_client.cli.output import coloured, note, print_json, screen_width
from agent_client.cli.table import shortened
from agent_client.cli.terminal import one_line
from agent_client.user_api import Json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wide", action="store_true", help="also zone, pools, labels and counted resources")


def run(arguments: argparse.Namespace) -> int:
    agents = connect(arguments).agents()
    if arguments.json:
        print_json(agents)
        return 0
    if not agents:
        note("no host yet; `nightshift agent --server URL --token-file FILE` adds the machine it runs on")
    width = screen_width()
    for agent in agents:
        for number, line in enumerate(tree(agent, arguments.wide)):
            shown = shortened(one_line(line), width) if width else one_line(line)
            print(coloured(agent["status"], shown) if number == 0 else _indented(shown))
    return 0


def tree(agent: Json, wide: bool = False) -> Iterator[str]:
    """One line for the host, one for each GPU, one for each sub agent; `wide`: lines for what tasks may target."""
    yield ", ".join(part for part in _host(agent) if part)
    branches = list(_traits(agent)) if wide else []
    branches += [_gpu(gpu) for gpu in agent.get("gpu_info") or []]
    branches += [_sub_agent(sub_agent) for sub_agent in agent.get("sub_agents") or []]
    for number, branch in enumerate(branches, 1):
        yield f"{'└─' if number == len(branches) else '├─'} {branch}"


def _indented(line: str) -> str:
    return f"  {line}"


def _host(agent: Json) -> Iterator[str]:
    standing = agent.get("standing", "active")
    left = f", {len(agent.get('sub_agents') or [])} left" if standing == "draining" else ""
    yield f"{agent['name']}: {agent['status']}" + (f" ({standing}{left})" if standing != "active" else "")
    yield "declared resources" if agent.get("is_declared") else ""
    in_use = agent.get("cpu_cores_in_use", 0)
    yield f"{in_use} of {agent['cpu_cores']} cores in use, {agent.get('available_cpu_cores', '?')} free"
    yield f"CPU {_percent(agent.get('cpu_usage'))}"
    used, total = units.shown_mib(agent.get("memory_used_mib")), units.shown_mib(agent.get("memory_mib"))
    yield f"memory {used} of {total}"
    yield f"up {units.shown_seconds(agent['running_time'])}" if agent.get("running_time") is not None else ""
    yield f"GPUs: {agent['gpu_detail'] or 'broken'}" if agent.get("gpu_state") == "broken" else ""


def _traits(agent: Json) -> Iterator[str]:
    resources = [f"{item['name']} {item['available']} of {item['total']} free" for item in agent.get("resources") or []]
    facts = {
        "zone": agent.get("zone"),
        "address": agent.get("address"),
        "pools": ", ".join(agent.get("pools") or []),
        "labels": ", ".join(agent.get("labels") or []),
        "resources": ", ".join(resources),
    }
    yield from (f"{name}: {value}" for name, value in facts.items() if value)


def _gpu(gpu: Json) -> str:
    used, total = units.shown_mib(gpu.get("memory_used_mib")), units.shown_mib(gpu.get("memory_mib"))
    holders = [f"#{task_id}" for task_id in gpu.get("task_ids") or []]
    holders += [f"reservation {reservation_id}" for reservation_id in gpu.get("reservation_ids") or []]
    states = [f"held by {', '.join(holders)}"] if holders else []
    if gpu.get("is_used_outside"):
        states.append(f"{units.shown_mib(gpu.get('outsiders_mib'))} used outside Nightshift")
    rest = ", ".join(states) or "free"
    return f"GPU {gpu['index']} {gpu.get('name') or ''}: {used} of {total}, {_percent(gpu.get('utilization'))}, {rest}"


def _sub_agent(sub_agent: Json) -> str:
    parts = [
        f"#{sub_agent['task_id']} {sub_agent.get('task_name') or ''}: attempt {sub_agent['attempt_no']}",
        sub_agent["state"] if sub_agent.get("status") != "offline" else "host unreachable",
        units.shown_seconds(sub_agent.get("running_time")),
        f"{sub_agent.get('cpu_cores', '?')} cores",
        f"CPU {_percent(sub_agent.get('cpu_usage'))}",
        f"memory {units.shown_mib(sub_agent.get('memory_used_mib'))}",
        *(f"GPU {gpu['index']}" for gpu in sub_agent.get("gpu_info") or []),
    ]
    return ", ".join(part for part in parts if part)


def _percent(value: float | None) -> str:
    return "?" if value is None else f"{value:.0f} %"
