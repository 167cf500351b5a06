"""Rows of measurements as markdown tables, with Nightshift's figures as ratios of each peer's. Measures nothing."""

from collections.abc import Callable, Iterable
from typing import Any

Row = dict[str, Any]
Cell = Callable[[Row], str]

OURS = "Nightshift"
# heading, workload, the cell, and the figure that a ratio is made of
COLUMNS: list[tuple[str, str, Cell, str]] = [
    ("W1 tasks/s", "W1", lambda row: f"{row['rate']:g} ({row['lo']:g}-{row['hi']:g})", "rate"),
    ("W1 batch tasks/s", "W1 batch", lambda row: f"{row['rate']:g} ({row['lo']:g}-{row['hi']:g})", "rate"),
    ("CPU ms/task", "W1", lambda row: f"{row['cpu_ms_per_task']:g}", "cpu_ms_per_task"),
    ("submit ms", "W1", lambda row: f"{row['submit_ms']:g}", "submit_ms"),
    ("W2 p50 / p95 ms", "W2", lambda row: f"{row['p50_ms']:g} / {row['p95_ms']:g}", "p50_ms"),
    ("W3 p50 ms", "W3", lambda row: f"{row['p50_ms']:g}", "p50_ms"),
    ("W4 s", "W4", lambda row: f"{row['secs']:g} (n={row['n']})", "secs"),
    ("W5 s", "W5", lambda row: f"{row['secs']:g} (n={row['n']})", "secs"),
    ("idle MB", "idle", lambda row: f"{row['idle_mb']:g} ({row['procs']} processes)", "idle_mb"),
    ("W6 MB/task", "W6", lambda row: f"{row['per_task_mb']:g} ({row['running']} run)", "per_task_mb"),
]
DEPTH = ("fill_ms_per_task", "submit_ms", "first_ms", "drain_rate", "pss_mb")


def tables(rows: Iterable[Row]) -> str:
    """A later row of a peer's workload stands for an earlier one."""
    found = {(row["peer"], row["w"], row.get("depth")): row for row in rows}
    peers = list(dict.fromkeys(peer for peer, _, _ in found))
    return "\n\n".join([_main(found, peers), _ratios(found, peers), _depths(found)])


def _main(found: dict[tuple[str, str, Any], Row], peers: list[str]) -> str:
    versions = {peer: str(row["version"]) for (peer, _, _), row in found.items()}
    body = [
        [
            f"{peer} {versions[peer]}",
            *(_cell(found.get((peer, workload, None)), cell) for _, workload, cell, _ in COLUMNS),
        ]
        for peer in peers
    ]
    return table(["peer", *(heading for heading, _, _, _ in COLUMNS)], body)


def _ratios(found: dict[tuple[str, str, Any], Row], peers: list[str]) -> str:
    body = []
    for peer in peers:
        pairs = [(found.get((OURS, w, None)), found.get((peer, w, None)), figure) for _, w, _, figure in COLUMNS]
        body.append([peer, *(_ratio(ours, theirs, figure) for ours, theirs, figure in pairs)])
    return table(["Nightshift's figure / that of", *(heading for heading, _, _, _ in COLUMNS)], body)


def _ratio(ours: Row | None, theirs: Row | None, figure: str) -> str:
    if ours is None or theirs is None or not theirs[figure] or ours.get("n") != theirs.get("n"):
        return ""
    return f"{ours[figure] / theirs[figure]:.2f}"


def _depths(found: dict[tuple[str, str, Any], Row]) -> str:
    deep = [row for (_, workload, _), row in found.items() if workload == "W7"]
    headings = ["W7 peer", "depth", "fill ms/task", "submit ms", "first start ms", "drain tasks/s", "MB"]
    return table(headings, [[row["peer"], str(row["depth"]), *(f"{row[key]}" for key in DEPTH)] for row in deep])


def _cell(row: Row | None, cell: Cell) -> str:
    return "" if row is None else cell(row)


def table(headings: list[str], body: list[list[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
