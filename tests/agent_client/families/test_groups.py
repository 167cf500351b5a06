"""Control groups of attempts: found, joined before the script runs, killed as a whole, and removed."""

import os
from pathlib import Path
from typing import Any

import pytest

from agent_client.process.cgroup import v1
from agent_client.process.cgroup.find import Roots, described, find_roots, sweep
from agent_client.process.cgroup.group import NO_GROUP, Group, make
from agent_client.process.spawn import Command, spawn
from agent_client.sub_agent.aftermath import bury
from agent_client.sub_agent.limits import make_group, most_processes, noted_group
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.families.groups import (
    FOUND,
    FREEZER,
    frozen,
    is_gone,
    limits,
    needs_freezer,
    needs_group,
    needs_pids,
    own_group,
    pids_in,
    sleeper,
)
from tests.agent_client.sub_agents import make_folder, make_grant, start_sub_agent
from tests.waiting import wait_until

KINDS = [
    pytest.param(
        {"kill": FOUND.kill}, id="version 2", marks=pytest.mark.skipif(not FOUND.kill, reason="no cgroup.kill")
    ),
    pytest.param({"freeze": FREEZER}, id="version 1", marks=needs_freezer),
]
FORKS = "while :; do (exec sleep 300) & sleep 0.01; done"


def leaf(roots: dict[str, Path], **limits: int) -> Group:
    return make({use: str(path) for use, path in roots.items()}, f"test-{os.getpid()}", **limits)


def script(group: Group, code: str, parent: Path) -> int:
    child = spawn(Command(["/bin/sh", "-c", code], {"PATH": os.environ["PATH"]}, "/", parent / "out", group=group))
    assert child.pid in group.pids() or not group.paths or wait_joined(group, child.pid)
    assert child.release() is None
    return child.pid


def wait_joined(group: Group, pid: int) -> bool:
    wait_until(lambda: pid in group.pids(), what="the child in its group, before its barrier opens")
    return True


@pytest.mark.parametrize("roots", KINDS)
def test_all_that_is_in_it_dies_also_what_forks_meanwhile(roots: dict[str, Path], tmp_path: Path) -> None:
    group = leaf(roots)
    try:
        pid = script(group, f"env -i setsid sleep 300 & {FORKS}", tmp_path)
        wait_until(lambda: len(group.pids()) >= 8, what="a family that grows")
        family = group.pids()
        group.kill()
        os.waitpid(pid, 0)
        wait_until(lambda: not group.pids(), what="an empty group")
        assert all(is_gone(member) for member in family)
    finally:
        group.kill()
        assert group.remove()


@needs_freezer
def test_version_1_kills_what_cannot_run_meanwhile() -> None:
    seen: list[str] = []

    def pids() -> list[int]:
        seen.append((path / "freezer.state").read_text().strip())
        return pids_in(path)

    with own_group(FREEZER) as path, sleeper() as process:
        (path / "cgroup.procs").write_text(str(process.pid))
        v1.kill(path, pids)
        process.wait(10)
        assert seen == ["FROZEN"]
        assert (path / "freezer.state").read_text().strip() == "THAWED"


@needs_pids
def test_forks_beyond_the_limit_are_refused_and_counted(tmp_path: Path) -> None:
    assert FOUND.pids is not None
    group = leaf({"pids": FOUND.pids}, max_processes=5)
    try:
        pid = script(group, "for i in 1 2 3 4 5 6 7 8; do sleep 0.2 & done; wait", tmp_path)
        os.waitpid(pid, 0)
        assert group.refused_forks() > 0
        assert b"fork" in (tmp_path / "out").read_bytes()
    finally:
        wait_until(group.remove, what="the end of its processes")


def test_without_a_group_every_call_is_harmless() -> None:
    assert NO_GROUP.joins() == []
    NO_GROUP.kill()
    assert (NO_GROUP.pids(), NO_GROUP.oom_kills(), NO_GROUP.refused_forks()) == (frozenset(), 0, 0)
    assert NO_GROUP.remove()
    assert not NO_GROUP.tracks


@needs_group
def test_only_leaves_of_forgotten_sub_agents_are_swept() -> None:
    root = FOUND.kill or FOUND.freeze
    assert root is not None
    owner = f"s{os.getpid()}"
    roots = Roots(kill=root)
    groups = {name: make({"kill": str(root)}, f"{owner}-{name}-c0ffee") for name in ("old-1", "new-1")}
    try:
        sweep(roots, owner, {"new-1"})
        assert not groups["old-1"].paths["kill"].exists()
        assert groups["new-1"].paths["kill"].exists()
    finally:
        for group in groups.values():
            group.remove()


@pytest.mark.matrix(51)
@pytest.mark.parametrize("roots", KINDS)
def test_with_a_group_nothing_escapes_even_when_all_else_is_lost(
    server: FakeServer, tmp_path: Path, roots: dict[str, Path]
) -> None:
    """A daemon with its own session and without a mark, its sub agent killed, and no note of the family."""
    code = "env -i setsid bash -c 'echo $$ >\"$0\"; exec sleep 300' pid & sleep 300"
    changes = {"working_directory": str(tmp_path), "host_limits": limits(Roots(**roots))}
    with start_sub_agent(server, tmp_path, code, **changes) as running:
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), what="the daemon")
        daemon = int((tmp_path / "pid").read_text())
        running.process.kill()
        running.process.wait()
        running.folder.write_family(frozenset())
        leaves = noted_group(running.folder).paths.values()
        bury(running.folder, "sub_lost", "The sub agent died.")
        wait_until(lambda: is_gone(daemon), what="the daemon's end")
        assert not any(leaf.exists() for leaf in leaves)


def test_without_a_group_that_counts_the_kernel_counts_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant: Any = make_grant(host_limits=limits(Roots(), max_processes=100))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert most_processes(grant, NO_GROUP) is None  # it would not bind root
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    most = most_processes(grant, NO_GROUP)
    assert most is not None
    assert most > 100  # what runs already does not count against the script
    assert most_processes(grant, Group({"pids": tmp_path})) is None
    order = Command(["/bin/bash", "-c", "ulimit -u"], {}, "/", tmp_path / "out", most_processes=most)
    child = spawn(order)
    assert child.release() is None
    os.waitpid(child.pid, 0)
    assert int((tmp_path / "out").read_text()) == most


@needs_group
def test_a_group_with_a_process_in_it_is_not_removed(tmp_path: Path) -> None:
    root = FOUND.kill or FOUND.freeze
    assert root is not None
    group = leaf({"kill" if FOUND.kill else "freeze": root})
    try:
        pid = script(group, "exec sleep 300", tmp_path)
        assert not group.remove()
        assert pid in group.pids()
    finally:
        group.kill()
        os.waitpid(pid, 0)
        wait_until(group.remove, what="the empty group to go")


def test_where_nothing_can_be_made_nothing_is_found(tmp_path: Path) -> None:
    proc = fake_proc(tmp_path, f"29 1 0:26 / {tmp_path / 'gone'} ro - cgroup2 cgroup ro", "0::/\n")
    assert find_roots(proc) == Roots()
    assert "no control group" in described(Roots(), 4096)
    assert find_roots(tmp_path / "hidden") == Roots()


@pytest.mark.skipif(not FOUND.kill, reason="no control group of version 2 can be made here")
def test_below_a_delegated_parent_the_agents_own_group_stays_as_it_is(tmp_path: Path) -> None:
    """As systemd makes it: the agent lives in DelegateSubgroup=agent, and what lies above is its to divide."""
    assert FOUND.kill is not None
    with own_group(FOUND.kill) as unit:
        (unit / "agent").mkdir()
        try:
            mount = f"29 1 0:26 / {FOUND.kill} rw - cgroup2 cgroup rw"
            assert find_roots(fake_proc(tmp_path, mount, f"0::/{unit.name}/agent\n")).kill == unit
        finally:
            (unit / "agent").rmdir()


def fake_proc(parent: Path, mount: str, groups: str) -> Path:
    (parent / "self").mkdir()
    (parent / "self" / "mountinfo").write_text(f"{mount}\n")
    (parent / "self" / "cgroup").write_text(groups)
    return parent


@needs_freezer
def test_what_is_frozen_elsewhere_outlives_its_kill_and_dies_when_thawed(tmp_path: Path) -> None:
    """What the tests of unkillable processes rest on."""
    process = sleeper()
    with frozen(process.pid):
        process.kill()
        assert not is_gone(process.pid)
    process.wait(10)
    with own_group(FREEZER) as path:
        assert pids_in(path) == []


@needs_group
def test_leaves_of_a_start_that_was_not_recorded_are_found_by_name(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, "sub-1", host_limits=limits())
    grant = folder.read_grant()
    assert grant is not None
    made = [make_group(folder, grant, cookie * 8) for cookie in "ab"]
    leaves = {path for group in made for path in group.paths.values()}
    assert set(noted_group(folder).paths.values()) == leaves
    assert noted_group(folder).remove()
    assert not any(path.exists() for path in leaves)
    assert not noted_group(folder).paths
