"""Rows of measurements as Markdown: each peer's figures, Nightshift's as ratios of them, what was asked of Nightshift
alone, and the targets. Measures nothing.
"""

from collections.abc import Callable, Iterable, Sequence

from benchmarks.found import Found
from benchmarks.markdown import table
from benchmarks.rows import OURS, Row
from benchmarks.targets import TARGETS, Target

Cell = Callable[[Row], str]


def _rate(row: Row) -> str:
    return f"{row['rate']:g}{_extremes(row)}"


def _seconds(row: Row) -> str:
    return f"{row['secs']:g}{_extremes(row)} (n={row['n']})"


def _extremes(row: Row) -> str:
    return f" ({row['lo']:g}-{row['hi']:g})" if row.get("runs", 1) > 1 else ""


# heading, workload, the cell, and the figure that a ratio is made of
COLUMNS: list[tuple[str, str, Cell, str]] = [
    ("W1 tasks/s", "W1", _rate, "rate"),
    ("W1 batch tasks/s", "W1 batch", _rate, "rate"),
    ("CPU ms/task", "W1", lambda row: f"{row['cpu_ms_per_task']:g}", "cpu_ms_per_task"),
    ("submit ms", "W1", lambda row: f"{row['submit_ms']:g}", "submit_ms"),
    ("W2 p50 / p95 ms", "W2", lambda row: f"{row['p50_ms']:g}{_extremes(row)} / {row['p95_ms']:g}", "p50_ms"),
    ("W3 p50 ms", "W3", lambda row: f"{row['p50_ms']:g}{_extremes(row)}", "p50_ms"),
    ("W4 s", "W4", _seconds, "secs"),
    ("W5 s", "W5", _seconds, "secs"),
    ("idle MB", "idle", lambda row: f"{row['idle_mb']:g} ({row['procs']} processes)", "idle_mb"),
    ("W6 MB/task", "W6", lambda row: f"{row['per_task_mb']:g} ({row['running']} run)", "per_task_mb"),
]
_CALLS = {
    "beats/s": "beats_per_second",
    "p50 ms": "beat_p50_ms",
    "p99 ms": "beat_p99_ms",
    "reports/s": "reports_per_second",
    "report p50 ms": "report_p50_ms",
    "report p99 ms": "report_p99_ms",
    "refused": "refused",
    "unanswered": "unanswered",
    "server cores": "server_cores",
}
# workload -> its columns: heading and key
SEVERAL_ROWS: dict[str, dict[str, str]] = {
    "W7": {
        "W7 peer": "peer",
        "depth": "depth",
        "fill": "fill",
        "fill ms/task": "fill_ms_per_task",
        "submit ms": "submit_ms",
        "first start ms": "first_ms",
        "least": "first_lo",
        "most": "first_hi",
        "of": "firsts",
        "drain tasks/s": "drain_rate",
        "MB": "pss_mb",
    },
    "heartbeats": {
        "heartbeats: hosts": "hosts",
        "running tasks each": "tasks",
        **_CALLS,
        "cores of the hosts' program": "own_cores",
    },
    "heartbeats as asked": {
        "as often as asked: hosts": "hosts",
        "running tasks each": "tasks",
        "a beat asked each s": "asked_beat_seconds",
        "a report each s": "asked_report_seconds",
        **_CALLS,
    },
    "log path": {
        "log path: asked MB/s": "asked_mb_per_second",
        "stored MB/s": "stored_mb_per_second",
        "viewers": "viewers",
        "nudges/s each": "nudges_per_viewer",
        "KiB/s each": "kib_per_viewer",
        "fetch p50 ms": "fetch_p50_ms",
        "fetch p99 ms": "fetch_p99_ms",
        "server cores": "server_cores",
        "server MB grown": "grown_mb",
    },
    "page": {
        "page: lines": "lines",
        "printed to stored p50 ms": "stored_p50_ms",
        "least": "stored_lo_ms",
        "most": "stored_hi_ms",
        "printed to the page p50 ms": "page_p50_ms",
        "least ": "page_lo_ms",
        "most ": "page_hi_ms",
    },
    "planner": {
        "planner: waiting": "waiting",
        "shapes": "shapes",
        "hosts": "hosts",
        "load CPU ms": "load_ms",
        "plan CPU ms": "plan_ms",
    },
    "settings": {"peer": "peer", "version": "version", "slots": "slots", "how it runs": "text"},
}


def tables(rows: Iterable[Row]) -> str:
    found = Found(rows)
    parts = [*map(_machine, found.all("machine")), _peers(found)]
    parts += [_ratios(found) if len(found.peers()) > 1 else ""]
    parts += [_several(found, workload, columns) for workload, columns in SEVERAL_ROWS.items()]
    return "\n\n".join(part for part in [*parts, targets(found)] if part)


def _machine(row: Row) -> str:
    """One sentence for each run whose rows were put together."""
    machine = f"{row['cores']} cores ({row['cpu']}), {row['memory_gib']} GiB, {row['system']}"
    stack = f"Python {row['python']}, SQLite {row['sqlite']}, daphne {row['daphne']}"
    load = "the load was not noted"
    if row["load"] is not None:
        load = f"{row['load']:g} other processes wanted a core when it began"
    if row.get("addition_secs") is not None:
        load += f", and Python took {row['addition_secs']:g} s for ten million additions"
    return f"{row['asked']}: measured on {row['date']} at commit {row['commit']} with {machine}, {stack}; {load}."


def _peers(found: Found) -> str:
    body = [
        [f"{peer} {version}", *(_cell(found.one(workload, peer), cell) for _, workload, cell, _ in COLUMNS)]
        for peer, version in found.peers().items()
    ]
    is_told = any(found.all(workload) for _, workload, _, _ in COLUMNS)
    return table(["peer", *_headings()], body) if is_told else ""


def _ratios(found: Found) -> str:
    body = []
    for peer in found.peers():
        if peer != OURS:
            pairs = [(found.one(workload), found.one(workload, peer), figure) for _, workload, _, figure in COLUMNS]
            body.append([peer, *(_ratio(ours, theirs, figure) for ours, theirs, figure in pairs)])
    return table(["Nightshift's figure / that of", *_headings()], body)


def _headings() -> list[str]:
    return [heading for heading, _, _, _ in COLUMNS]


def _cell(row: Row | None, cell: Cell) -> str:
    return "" if row is None else cell(row)


def _ratio(ours: Row | None, theirs: Row | None, figure: str) -> str:
    if ours is None or theirs is None or not theirs[figure] or ours.get("n") != theirs.get("n"):
        return ""
    return f"{ours[figure] / theirs[figure]:.2f}"


def _several(found: Found, workload: str, columns: dict[str, str]) -> str:
    body = [[_shown(row.get(key)) for key in columns.values()] for row in found.all(workload)]
    return table([heading.strip() for heading in columns], body) if body else ""


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def targets(found: Found, of: Sequence[Target] = TARGETS) -> str:
    body = []
    for target in of:
        figure = target.figure(found)
        cells = ["not measured" if figure is None else f"{figure:g}"]
        for bound in (target.limit, target.stretch):
            cells += [bound.said(found), bound.verdict(figure, found)]
        body.append([target.name, *cells])
    return table(["target", "ours", "limit", "met", "stretch", "met"], body)
