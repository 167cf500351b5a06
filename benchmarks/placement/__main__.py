"""`python -m benchmarks.placement --nodes F --tasks F --policy P --seeds 42-51 --inflate 1.3 --json OUT`"""

import argparse
import json
import statistics
import sys
from pathlib import Path

from benchmarks.placement import policies
from benchmarks.placement.runs import Run, perform_all
from benchmarks.placement.trace import BadTrace


def main() -> int:
    arguments = _parser().parse_args()
    chosen = [
        Run(arguments.nodes, arguments.tasks, arguments.policy, seed, arguments.inflate) for seed in arguments.seeds
    ]
    finished = arguments.json.with_name(arguments.json.name + ".runs")
    try:
        results = perform_all(chosen, finished, arguments.workers)
    except (BadTrace, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a benchmark prints
        return 1
    arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    finished.unlink(missing_ok=True)
    mean = statistics.mean(float(result["allocated_percent"]) for result in results)
    print(f"{arguments.policy}: {mean:.2f} % of GPU capacity, mean of {len(results)} seeds")  # noqa: T201
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.placement", description="Replay a list of GPU tasks.")
    parser.add_argument("--nodes", type=Path, required=True, help="CSV of nodes")
    parser.add_argument("--tasks", type=Path, required=True, help="CSV of tasks")
    parser.add_argument("--policy", choices=policies.NAMES, required=True)
    parser.add_argument("--seeds", type=seeds, default=seeds("42-51"), help="such as 42-51 or 1,5,9 (default 42-51)")
    parser.add_argument("--inflate", type=factor, default=1.3, help="demand as a multiple of GPU capacity (1.3)")
    parser.add_argument("--json", type=Path, required=True, help="where the results go")
    parser.add_argument("--workers", type=int, help="processes side by side (default: one for each core)")
    return parser


def seeds(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise argparse.ArgumentTypeError(f"{part!r} is neither a seed nor a range such as 42-51")
        found += range(int(first), int(last if dash else first) + 1)
    return found


def factor(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a factor above 0, at most 100")
    return value


if __name__ == "__main__":
    sys.exit(main())
