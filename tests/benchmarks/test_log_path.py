"""The script prints as much as it is told to, viewers count what they get, and memory that only rises is seen to."""

import asyncio
import json
import subprocess
from typing import Any

import pytest

from benchmarks.log_path.__main__ import BLOCKS_A_SECOND, LINE_BYTES, grown, script
from benchmarks.log_path.viewer import RANGE_BYTES, Seen, Viewer


def test_the_script_prints_so_much_in_each_of_its_blocks() -> None:
    """0.2 MB a second: blocks of 10,000 bytes, in whole lines."""
    with subprocess.Popen(["bash", "-c", script(0.2)], stdout=subprocess.PIPE) as printing:
        assert printing.stdout is not None
        block = printing.stdout.read(int(0.2e6 / BLOCKS_A_SECOND))
        printing.kill()
    assert {len(line) + 1 for line in block.splitlines()} == {LINE_BYTES}
    assert script(20).count("* 10000,") == 1


@pytest.mark.parametrize(
    ("memory", "by"),
    [
        ([100.0, 100.0, 150.0, 100.0, 101.0, 100.0], 0.5),
        ([100.0, 120.0, 140.0, 160.0, 180.0, 200.0], 80.0),
        ([5.0], 0.0),
    ],
)
def test_memory_that_grows_is_told_from_a_peak(memory: list[float], by: float) -> None:
    assert grown(memory) == by


class FakeSocket:
    """Answers each question with `answer`, or hangs up."""

    def __init__(self, viewer: Viewer, answer: str | bytes | None) -> None:
        self.viewer, self.answer, self.asked = viewer, answer, []  # type: ignore[var-annotated]

    async def send(self, text: str) -> None:
        self.asked.append(json.loads(text)["read"])
        hears = self.viewer._hung_up if self.answer is None else lambda: self.viewer._take(self.answer or b"")
        asyncio.get_running_loop().call_soon(hears)


def told(answer: str | bytes | None) -> tuple[Viewer, Any]:
    """A viewer that heard of twice what it asks for at once."""
    viewer = Viewer(1, "", 41, Seen())
    viewer._take(json.dumps({"kind": "output", "id": 41, "attempt_no": 2, "size": 2 * RANGE_BYTES}))
    viewer._socket = socket = FakeSocket(viewer, answer)  # type: ignore[assignment]
    return viewer, socket


async def test_a_viewer_asks_for_the_newest_bytes_on_its_socket() -> None:
    viewer, socket = told(b"{}\n" + b"\n" * RANGE_BYTES)
    assert await viewer._read() == RANGE_BYTES
    assert socket.asked == [
        {"request": 1, "task": 41, "attempt_no": 2, "start": RANGE_BYTES, "stop": 2 * RANGE_BYTES},
    ]


async def test_a_viewer_whose_server_hangs_up_counts_nothing_and_asks_nothing() -> None:
    viewer, socket = told(None)
    assert await viewer._read() == 0
    assert await viewer._read() == 0
    assert len(socket.asked) == 1


@pytest.mark.parametrize("answer", ['{"kind": "error", "code": "busy"}', b"{}\nshort"])
async def test_anything_else_ends_the_measuring(answer: str | bytes) -> None:
    viewer, _ = told(answer)
    with pytest.raises(RuntimeError):
        await viewer._read()
