"""How long do N trivial tasks take when each is submitted by a request of its own? Prints one line.

`python -m benchmarks.burst --count 100` on a running server with one local main agent and nothing else to do.
"""

import argparse
import time
from datetime import datetime
from typing import Any

from benchmarks.connection import Server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--cpus", type=float, default=1.0, help="CPU cores that each task asks for")
    arguments = parser.parse_args()
    server = Server()
    began = time.monotonic()
    ids = [server.submit(f"true {n}", "true\n", cpu_cores=arguments.cpus) for n in range(arguments.count)]
    submitted = time.monotonic() - began
    rows = wait_for(server, min(ids), max(ids))
    total = time.monotonic() - began
    wrong = [row["id"] for row in rows if row["status"] != "completed" or row["attempt_no"] != 1]
    span = moment(max(row["end_time"] for row in rows)) - moment(min(row["created_time"] for row in rows))
    print(  # noqa: T201 - a benchmark prints
        f"{len(ids)} tasks: submitted in {submitted:.2f} s, all ended {total:.2f} s after the first request "
        f"({span:.2f} s by the server's clock, {len(ids) / span:.0f} tasks/s); wrong: {wrong or 'none'}"
    )


def wait_for(server: Server, first: int, last: int) -> list[dict[str, Any]]:
    """The rows once all have ended."""
    while True:
        rows = []
        for low in range(first, last + 1, 500):
            page = server.get("/api/tasks/", id_min=low, id_max=min(low + 499, last), page_size=500)
            rows += page["results"]
        if all(row["end_time"] for row in rows):
            return rows
        time.sleep(0.1)


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


if __name__ == "__main__":
    main()
