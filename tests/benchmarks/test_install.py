"""A peer that cannot be had is left out and named; it takes no other along."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.peers import install as module
from benchmarks.peers.install import LIBRARIES, PROGRAMS, install
from benchmarks.peers.known import PEERS


def test_only_known_peers_need_something() -> None:
    assert PROGRAMS.keys() | LIBRARIES.keys() <= PEERS.keys()
    assert all("==" in library for libraries in LIBRARIES.values() for library in libraries)


def test_what_needs_nothing_is_there(tmp_path: Path) -> None:
    assert install("nightshift", tmp_path)


def test_a_peer_that_cannot_be_installed_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(packages: list[str]) -> None:
        raise subprocess.CalledProcessError(100, ["apt-get", "install", *packages])

    monkeypatch.setitem(PROGRAMS, "tsp", {"a-program-that-is-nowhere": "its-package"})
    monkeypatch.setattr(module, "_install_programs", refuse)
    assert not install("tsp", tmp_path)
    assert "tsp is left out" in capsys.readouterr().err
