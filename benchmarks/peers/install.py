"""Installs the peers: programs from Debian, libraries into a virtual environment of their own. Needs root for Debian's.

What a peer needs is listed here; nothing of it is needed by Nightshift itself.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

# program that shows that it is there -> Debian package
PROGRAMS = {
    "floor": {"parallel": "parallel"},
    "tsp": {"tsp": "task-spooler"},
    "celery": {"redis-server": "redis-server"},
    "slurm": {"slurmctld": "slurm-wlm", "munged": "munge"},
    "hq": {"ip": "iproute2"},
    "ray": {"ip": "iproute2"},
}
# The versions of which docs/performance.md has figures.
LIBRARIES = {
    "celery": ["celery==5.7.0", "redis==8.1.0"],
    "dask": ["distributed==2026.8.0"],
    "hq": ["hyperqueue==0.27.0"],
    "ray": ["ray[default]==2.60.0"],
}


def install(peer: str, folder: Path) -> bool:
    """Whether all that it needs is there now; says so if not."""
    try:
        missing = [package for name, package in PROGRAMS.get(peer, {}).items() if not shutil.which(name)]
        if missing:
            _install_programs(missing)
        for library in LIBRARIES.get(peer, []):
            _install_library(python_of(folder), library)
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        print(f"{peer} is left out, it cannot be installed here: {error}", file=sys.stderr)  # noqa: T201
        return False
    return True


def python_of(folder: Path) -> Path:
    """The peers' interpreter, with an environment of its own."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return python


def _install_programs(packages: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    update = ["apt-get", "update", "-qq"]
    install_them = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    for command in (update, install_them):
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def _install_library(python: Path, library: str) -> None:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "-q", "install", library]
    subprocess.run(command, check=True)
