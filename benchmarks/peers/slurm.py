"""Slurm on one host: munged, slurmctld and slurmd. Submitted with sbatch, as its users do; a batch is one job array.

"tuned" asks its scheduler to look as often as it can; "tuned-oversubscribed" has 128 slots on the two cores, which is
not the same work and only shows where its next limit lies.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from benchmarks.peers.made_scripts import Script
from benchmarks.peers.peer import CannotRun, Handle, Peer
from benchmarks.peers.processes import begun, ended

CONTROLLER_PORT, HOST_PORT = 26817, 26818
CONFIGURATION = """
ClusterName=peers
SlurmctldHost={host}(127.0.0.1)
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmctldPort={controller_port}
SlurmdPort={host_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
MaxJobCount=200000
MaxArraySize=200001
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
{tuning}
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 Sockets=1 CoresPerSocket=2 ThreadsPerCore=1 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=over Nodes={host} OverSubscribe=FORCE:64 MaxTime=INFINITE State=UP
"""
TUNING = (
    "SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0,default_queue_depth=1000,"
    "bf_interval=1,bf_max_job_test=1000,bf_continue,partition_job_depth=0\n"
    "JobAcctGatherType=jobacct_gather/none\nSlurmctldDebug=error\nSlurmdDebug=error\nMinJobAge=10\n"
    "PriorityType=priority/basic\n"
)
_TUNINGS = {
    "default": "SchedulerParameters as they come",
    "tuned": "a scheduling pass as often as can be asked for",
    "tuned-oversubscribed": "tuned, and 128 slots on two cores, which is not the same work",
}
LIVE_STATES = "PD,R,CG,CF,S"


class Slurm(Peer):
    notify: ClassVar[str] = "squeue, asked every 50 ms"
    has_batch: ClassVar[bool] = True
    fills_by_batch: ClassVar[bool] = False
    pause_seconds: ClassVar[float] = 1.0
    commands: ClassVar[tuple[str, ...]] = ("munged", "slurmctld", "slurmd", "slurmstepd", "slurmscriptd")

    def __init__(self, variant: str, tasks: int) -> None:
        """`tasks` and the other sizes are small: with two slots it starts two tasks in each of its passes."""
        self.name, self.tasks = f"Slurm ({variant})", tasks
        self.repeats, self.chain_length, self.children = (8, 6, 6) if variant == "default" else (15, 20, 20)
        self._tuning = TUNING if variant.startswith("tuned") else ""
        self.settings = f"munged, slurmctld, slurmd; sbatch, job arrays; {_TUNINGS[variant]}"
        self._is_over = variant.endswith("oversubscribed")

    def version(self) -> str:
        return _said("slurmctld", "-V").split()[-1]

    def start(self, slots: int) -> None:
        if os.geteuid() != 0:
            raise CannotRun("Slurm's daemons need root.")
        self._partition = "over" if slots > 2 or self._is_over else "main"
        self._folder = tempfile.TemporaryDirectory(prefix="slurm-")
        self._path = Path(self._folder.name)
        self._path.chmod(0o755)
        self._munged = self._begin_munged()
        os.environ["SLURM_CONF"] = configuration = str(self._write_configuration())
        time.sleep(1)
        self._controller = begun("slurmctld", "-D", "-c", "-f", configuration)
        self._host = begun("slurmd", "-D", "-f", configuration)
        self._wait_until_idle()

    def _begin_munged(self) -> "subprocess.Popen[str]":
        key = self._path / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        files = {"key-file": key, "socket": self._path / "munge.sock", "pid-file": self._path / "munge.pid"}
        files |= {"log-file": self._path / "munge.log", "seed-file": self._path / "munge.seed"}
        return begun("munged", "--foreground", "--force", *(f"--{name}={path}" for name, path in files.items()))

    def _write_configuration(self) -> Path:
        for name in ("state", "spool"):
            (self._path / name).mkdir()
        ports = {"controller_port": CONTROLLER_PORT, "host_port": HOST_PORT}
        text = CONFIGURATION.format(host=os.uname().nodename, folder=self._path, tuning=self._tuning, **ports)
        file = self._path / "slurm.conf"
        file.write_text(text)
        return file

    def _wait_until_idle(self) -> None:
        for _ in range(100):
            command = ["timeout", "3", "sinfo", "-h", "-o", "%T"]
            if "idle" in subprocess.run(command, capture_output=True, text=True, check=False).stdout:
                return
            time.sleep(0.3)
        logs = [(self._path / f"{name}.log").read_text()[-1500:] for name in ("slurmctld", "slurmd")]
        raise CannotRun("Slurm did not come up:\n" + "\n".join(logs))

    def stop(self) -> None:
        command = ["timeout", "20", "scancel", "-u", "root", "--signal=KILL"]
        subprocess.run(command, stderr=subprocess.DEVNULL, check=False)
        time.sleep(1)
        ended(self._host, self._controller, self._munged)
        self._folder.cleanup()

    def pids(self) -> list[int]:
        return [self._munged.pid, self._controller.pid, self._host.pid]

    def submit(self, script: Script, after: Sequence[Handle] = ()) -> str:
        only_after = ["--dependency=afterok:" + ":".join(after)] if after else []
        return _said(
            "sbatch", "--parsable", "-p", self._partition, "-n1", "-o", script.output, *only_after, script.path
        )

    def submit_batch(self, scripts: Sequence[Script]) -> list[Handle]:
        folder = Path(scripts[0].path).parent
        wanted = ["-n1", "-p", self._partition, "-o", f"{folder}/%a.out", f"--array=0-{len(scripts) - 1}"]
        text = f"#!/bin/bash\nexec bash {folder}/$SLURM_ARRAY_TASK_ID.sh\n"
        return [_said("sbatch", "--parsable", *wanted, stdin=text)]

    def wait(self, handles: Sequence[Handle]) -> None:
        """There is no other way to learn of an end without accounting than to ask for what is left."""
        of_one = ["-j", handles[0]] if len(handles) == 1 else []
        while left := _left(of_one):
            if any("DependencyNeverSatisfied" in line for line in left):
                raise AssertionError("a dependency failed")
            time.sleep(0.05 if of_one and len(left) < 2 else 0.25)


def _left(of_one: list[str]) -> list[str]:
    command = ["squeue", "-h", "-o", "%i %T", "-t", LIVE_STATES, *of_one]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return [line for line in shown.splitlines() if line and "COMPLETING" not in line]


def _said(*command: str, stdin: str | None = None) -> str:
    return subprocess.run(command, input=stdin, check=True, capture_output=True, text=True).stdout.strip()
