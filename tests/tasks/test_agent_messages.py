"""The first messages after a start come to several threads at once, and end nothing."""

import os
import subprocess
import sys

PROGRAM = """
import sys, threading
import django
django.setup()
from tasks import agent_messages

BEAT = b'{"epoch": 1, "seq": 2, "resources": {"cpu_cores": 10, "gpus": []}, "accepts_work": true}'
gate = threading.Barrier(8)

def read():
    gate.wait(20)
    agent_messages.decode(BEAT, agent_messages.Heartbeat)

sys.setswitchinterval(0.00001)
threads = [threading.Thread(target=read) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_the_first_messages_may_be_read_at_once() -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "scheduler_site.settings"}
    for _ in range(3):
        program = [sys.executable, "-c", PROGRAM]
        assert subprocess.run(program, env=environment, timeout=60, check=False).returncode == 0
