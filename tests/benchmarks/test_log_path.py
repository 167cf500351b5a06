"""The script prints as much as it is told to, and memory that only rises is seen to."""

import subprocess

import pytest

from benchmarks.log_path.__main__ import BLOCKS_A_SECOND, LINE_BYTES, grown, script


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
