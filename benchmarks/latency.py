"""How long from submission to start, and from a printed line to its stored byte, on an idle server? Prints medians.

The script prints the clock of its host, so both ends are measured on one machine: run it beside the local main agent.
The reader asks for the log in a tight loop, as an open page does when it is nudged.
"""

import argparse
import statistics
import time

from benchmarks.connection import Server

SCRIPT = "date +%s.%N\nsleep 1\ndate +%s.%N\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20)
    arguments = parser.parse_args()
    server = Server()
    samples = [one(server) for _ in range(arguments.count)]
    starts, lines = zip(*samples, strict=True)
    print(f"submission to first command: {spread(starts)}; printed to stored: {spread(lines)}")  # noqa: T201


def one(server: Server) -> tuple[float, float]:
    """Milliseconds to the first command, and from the second line to the reader."""
    submitted = time.time()
    task_id = server.submit("latency", SCRIPT)
    while True:
        reply = server.http.get(f"{server.url}/api/tasks/{task_id}/log", timeout=30)
        seen = time.time()
        lines = reply.text.split()
        if len(lines) == 2:
            return (float(lines[0]) - submitted) * 1000, (seen - float(lines[1])) * 1000
        time.sleep(0.005)


def spread(values: tuple[float, ...]) -> str:
    return f"median {statistics.median(values):.0f} ms (min {min(values):.0f}, max {max(values):.0f})"


if __name__ == "__main__":
    main()
