"""What a script uses: nothing of what the process that measures has waited for before."""

import subprocess
import sys

import pytest

from agent_client.probes.usage import UsageMeter
from agent_client.process import proc

BUSY = "import time\nwhile time.process_time() < 0.3: pass"


def test_what_ended_before_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc, "descendants", lambda _pid: [])  # of other tests some may still live
    subprocess.run([sys.executable, "-c", BUSY], check=True)
    meter = UsageMeter()
    assert meter.sample()["cpu_seconds"] == 0
    subprocess.run([sys.executable, "-c", BUSY], check=True)
    assert 0.3 <= (meter.sample()["cpu_seconds"] or 0) < 0.6


def test_peak_is_that_of_the_largest_process_once_it_is_not_our_own() -> None:
    meter = UsageMeter()
    assert meter.peak_memory_mib(0) is None
    assert meter.peak_memory_mib(1 << 22) == 4096
