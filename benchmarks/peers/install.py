"""Installs the peers: programs from Debian, libraries into a virtual environment of their own. Needs root for Debian's.

What a peer needs is listed here; nothing of it is needed by Nightshift itself.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
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


def install(peers: Iterable[str], folder: Path) -> Path:
    """Returns the peers' interpreter. Raises CalledProcessError when a package cannot be had."""
    wanted = list(peers)
    programs = {
        package for peer in wanted for name, package in PROGRAMS.get(peer, {}).items() if not shutil.which(name)
    }
    if programs:
        _install_programs(sorted(programs))
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    for library in (library for peer in wanted for library in LIBRARIES.get(peer, [])):
        _install_library(python, library)
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
