"""The environment of a script: the agent's own, cleaned, the task's on top, then what Nightshift says. Pure.

Some usual Slurm names are left out on purpose: SLURM_NTASKS and SLURM_PROCID make PyTorch Lightning believe that srun
starts its ranks, and SLURM_JOBID or a node list make mpirun look for Slurm's daemons. Where no Slurm is, both break.
What a gang's members need of these is in gang_environment.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent_client import wire
from agent_client.failpoints import LOG_SWITCH, SWITCH
from agent_client.process.family import COOKIE_NAME
from agent_client.sub_agent import gang_environment

OUR_PREFIXES = ("NIGHTSHIFT_", "DJANGO_")
USER_CODE_DIR = "NIGHTSHIFT_USER_CODE_DIR"
HANDED_ON = frozenset({USER_CODE_DIR, SWITCH, LOG_SWITCH})
OF_PYTHON_AND_SHELL = frozenset({"_", "OLDPWD", "PYTHONHOME", COOKIE_NAME})
OF_MAKE = frozenset({"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "MAKE_TERMOUT", "MAKE_TERMERR"})
OF_SYSTEMD = frozenset(
    {"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "JOURNAL_STREAM"}
)
OF_OUR_STARTER = OF_PYTHON_AND_SHELL | OF_MAKE | OF_SYSTEMD


@dataclass(frozen=True)
class Place:
    """What only this host knows: paths, names, and the moment of the start."""

    host: str
    working_directory: str
    result_path: Path
    tmp_path: Path
    cookie: str
    own_prefix: str  # sys.prefix of the agent's Python
    user_code_dir: str | None  # None unless it exists here
    started_at_epoch: int


def build(base: Mapping[str, str], grant: wire.Grant, place: Place) -> dict[str, str]:
    own = grant["environment"]
    result = _cleaned(base, place.own_prefix)
    result.update(own)
    result.update(_task(grant, place))
    result.update(_gpus(grant["gpus"]))
    result.update(_slurm(grant, place))
    result.update(gang_environment.variables(grant))
    result["PWD"] = place.working_directory
    result["PYTHONUNBUFFERED"] = own.get("PYTHONUNBUFFERED", "1")
    result["OMP_NUM_THREADS"] = own.get("OMP_NUM_THREADS", str(max(1, int(float(grant["cpu_cores"])))))
    if place.user_code_dir is not None:
        result["PYTHONPATH"] = _in_front(place.user_code_dir, result.get("PYTHONPATH"))
    return result


def of_sub_agents(base: Mapping[str, str]) -> dict[str, str]:
    """What the main agent hands on to sub agents: a script may read the environment of its parent in /proc."""
    return {name: value for name, value in base.items() if name in HANDED_ON or not name.startswith(OUR_PREFIXES)}


def working_directory(grant: wire.Grant, home: str) -> str:
    """The task's folder, else the home directory; a relative one counts from there, as does `~`."""
    wanted = grant.get("working_directory") or home
    if wanted == "~" or wanted.startswith("~/"):
        wanted = home + wanted[1:]
    return os.path.normpath(Path(home) / wanted)


def _cleaned(base: Mapping[str, str], own_prefix: str) -> dict[str, str]:
    """Without our settings and secrets, our starter's, and the virtual environment that holds the agent itself."""
    result = {name: base[name] for name in base if name not in OF_OUR_STARTER and not name.startswith(OUR_PREFIXES)}
    virtual_env = result.get("VIRTUAL_ENV")
    if virtual_env and os.path.normpath(virtual_env) == os.path.normpath(own_prefix):
        del result["VIRTUAL_ENV"]
        result.pop("VIRTUAL_ENV_PROMPT", None)
        ours = os.path.normpath(f"{virtual_env}/bin")
        folders = result.get("PATH", "").split(os.pathsep)
        result["PATH"] = os.pathsep.join(folder for folder in folders if os.path.normpath(folder or ".") != ours)
    return result


def _task(grant: wire.Grant, place: Place) -> dict[str, str]:
    return {
        "TASK_ID": str(grant["task_id"]),
        "TASK_ATTEMPT": str(grant["attempt_no"]),
        "TASK_FENCE": str(grant["fence"]),
        "TASK_NAME": grant["name"],
        "TASK_RESULT": str(place.result_path),
        "TASK_TMPDIR": str(place.tmp_path),
        COOKIE_NAME: place.cookie,
        "TASK_CPU_CORES": _number(grant["cpu_cores"]),
        "TASK_MEMORY_MIB": "" if grant["memory_mib"] is None else str(grant["memory_mib"]),
    }


def _gpus(gpus: list[wire.GpuGrant]) -> dict[str, str]:
    """CUDA_VISIBLE_DEVICES is set empty when no GPU was asked for: unset would mean all of them."""
    return {
        "CUDA_VISIBLE_DEVICES": ",".join(str(gpu["index"]) for gpu in gpus),
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "NVIDIA_VISIBLE_DEVICES": ",".join(gpu["uuid"] for gpu in gpus) or "void",
    }


def _slurm(grant: wire.Grant, place: Place) -> dict[str, str]:
    cores = str(max(1, int(float(grant["cpu_cores"]))))
    names = {
        "SLURM_JOB_ID": str(grant["task_id"]),
        "SLURM_JOB_NAME": grant["name"],
        "SLURM_SUBMIT_DIR": place.working_directory,
        "SLURM_SUBMIT_HOST": place.host,
        "SLURM_CLUSTER_NAME": "nightshift",
        "SLURM_RESTART_COUNT": str(max(0, grant["attempt_no"] - 1)),
        "SLURM_JOB_START_TIME": str(place.started_at_epoch),
        "SLURM_CPUS_PER_TASK": cores,
        "SLURM_CPUS_ON_NODE": cores,
        "SLURM_NNODES": "1",
        "SLURM_JOB_NUM_NODES": "1",
        "SLURM_NODEID": "0",
        "SLURM_LOCALID": "0",
        "SLURM_TMPDIR": str(place.tmp_path),
    }
    if grant["memory_mib"] is not None:
        names["SLURM_MEM_PER_NODE"] = str(grant["memory_mib"])
    if grant["gpus"]:
        names["SLURM_JOB_GPUS"] = ",".join(str(gpu["index"]) for gpu in grant["gpus"])
        names["SLURM_GPUS_ON_NODE"] = str(len(grant["gpus"]))
    return names


def _number(value: float) -> str:
    """Cores as people write them: 2, not 2.0; 0.5 stays."""
    return f"{float(value):g}"


def _in_front(folder: str, search_path: str | None) -> str:
    return folder if not search_path else f"{folder}{os.pathsep}{search_path}"
