"""CPU and memory probes against made-up cgroup trees of both versions, nested and in containers, and the sum of all."""

from pathlib import Path

import psutil
import pytest

from agent_client.probes.cgroup import find_hierarchy
from agent_client.probes.cpu import CpuMeter, cpu_cores, cpuset_cpus, find_quota, parse_cpu_list
from agent_client.probes.host import real_host
from agent_client.probes.machine import host_facts, machine_id
from agent_client.probes.memory import read_memory
from agent_client.process.proc import boot_id

MIB = 1024 * 1024


class FakeHost:
    """A /proc and cgroup mounts under `root`; `write` puts a file into a group."""

    def __init__(self, root: Path) -> None:
        self.proc = root / "proc"
        self.mounts = root / "cgroup"
        (self.proc / "self").mkdir(parents=True)
        self._mount_lines: list[str] = []
        self._group_lines: list[str] = []

    def v2(self, path: str, mount_root: str = "/") -> None:
        self._add("cgroup2", "unified dir", "rw", mount_root, f"0::{path}")

    def v1(self, controller: str, path: str, mount_root: str = "/") -> None:
        self._add("cgroup", controller, f"rw,{controller}", mount_root, f"4:{controller}:{path}")

    def _add(self, kind: str, name: str, options: str, mount_root: str, group: str) -> None:
        point = str(self.mounts / name)
        Path(point).mkdir(parents=True, exist_ok=True)
        escaped = point.replace(" ", "\\040")
        self._mount_lines.append(f"31 23 0:28 {mount_root} {escaped} rw,relatime shared:9 - {kind} {kind} {options}")
        self._group_lines.append(group)
        (self.proc / "self" / "mountinfo").write_text(
            "\n".join(["1 1 0:1 / / rw - ext4 /dev/x rw", *self._mount_lines])
        )
        (self.proc / "self" / "cgroup").write_text("\n".join(["9:name=systemd:/", *self._group_lines]))

    def write(self, name: str, path: str, file: str, text: str) -> None:
        group = self.mounts / name / path.strip("/")
        group.mkdir(parents=True, exist_ok=True)
        (group / file).write_text(text + "\n")


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path)


V2 = "unified dir"
EIGHT = lambda: set(range(8))  # noqa: E731


def test_v2_quota_may_be_a_fraction(host: FakeHost) -> None:
    host.v2("/a")
    host.write(V2, "/a", "cpu.max", "250000 100000")
    assert cpu_cores(host.proc, EIGHT) == 2.5


def test_the_tightest_quota_of_nested_groups_counts(host: FakeHost) -> None:
    host.v2("/a/b")
    host.write(V2, "/a/b", "cpu.max", "400000 100000")
    host.write(V2, "/a", "cpu.max", "150000 100000")
    quota = find_quota(host.proc)
    assert quota is not None
    assert (quota.cores, quota.level.name) == (1.5, "a")


def test_max_means_no_quota_and_affinity_counts(host: FakeHost) -> None:
    host.v2("/a")
    host.write(V2, "/a", "cpu.max", "max 100000")
    assert cpu_cores(host.proc, lambda: {0, 3}) == 2.0


def test_cpuset_counts_when_it_is_the_smallest(host: FakeHost) -> None:
    host.v2("/a/b")
    host.write(V2, "/a/b", "cpu.max", "700000 100000")
    host.write(V2, "/a", "cpuset.cpus.effective", "0-2,5")
    assert cpuset_cpus(host.proc) == {0, 1, 2, 5}
    assert cpu_cores(host.proc, EIGHT) == 4.0


def test_v1_quota_and_cpuset(host: FakeHost) -> None:
    host.v1("cpu", "/job")
    host.v1("cpuset", "/job")
    host.write("cpu", "/job", "cpu.cfs_quota_us", "50000")
    host.write("cpu", "/job", "cpu.cfs_period_us", "100000")
    host.write("cpuset", "/job", "cpuset.cpus", "1-2")
    assert cpu_cores(host.proc, EIGHT) == 0.5
    host.write("cpu", "/job", "cpu.cfs_quota_us", "-1")
    assert cpu_cores(host.proc, EIGHT) == 2.0


def test_v1_controllers_win_over_an_empty_unified_mount(host: FakeHost) -> None:
    host.v2("/")
    host.v1("cpu", "/")
    found = find_hierarchy("cpu", host.proc)
    assert found is not None
    assert found.version == 1


def test_in_a_container_the_path_is_seen_from_the_mount(host: FakeHost) -> None:
    host.v1("memory", "/docker/abc", mount_root="/docker/abc")
    host.write("memory", "/", "memory.limit_in_bytes", str(512 * MIB))
    host.write("memory", "/", "memory.usage_in_bytes", str(100 * MIB))
    host.write("memory", "/", "memory.stat", f"cache 1\ntotal_inactive_file {30 * MIB}")
    memory = read_memory(host.proc)
    assert (memory.total_mib, memory.used_mib, memory.percent) == (512, 70, 13.7)


def test_a_path_outside_the_mount_means_the_mount(host: FakeHost) -> None:
    host.v2("/../../elsewhere")
    host.write(V2, "/", "cpu.max", "100000 100000")
    assert cpu_cores(host.proc, EIGHT) == 1.0


def test_v2_memory_limit_of_an_outer_group(host: FakeHost) -> None:
    host.v2("/a/b")
    host.write(V2, "/a/b", "memory.max", "max")
    host.write(V2, "/a", "memory.max", str(256 * MIB))
    host.write(V2, "/a", "memory.current", str(64 * MIB))
    host.write(V2, "/a", "memory.stat", f"inactive_file {4 * MIB}")
    memory = read_memory(host.proc)
    assert (memory.total_mib, memory.used_mib) == (256, 60)


def test_no_limit_or_a_huge_one_is_the_machine(host: FakeHost) -> None:
    physical = psutil.virtual_memory().total // MIB
    assert read_memory(host.proc).total_mib == physical
    host.v1("memory", "/")
    host.write("memory", "/", "memory.limit_in_bytes", "9223372036854771712")
    assert read_memory(host.proc).total_mib == physical


def test_without_any_source_the_machine_counts(host: FakeHost) -> None:
    assert cpu_cores(host.proc, lambda: None) == psutil.cpu_count()


def test_cpu_usage_is_that_of_the_group_with_the_quota(host: FakeHost) -> None:
    host.v2("/a")
    host.write(V2, "/a", "cpu.max", "200000 100000")
    host.write(V2, "/a", "cpu.stat", "usage_usec 1000000\nuser_usec 5")
    ticks = iter([10.0, 12.0])
    meter = CpuMeter(host.proc, lambda: next(ticks))
    assert meter.read() is None
    host.write(V2, "/a", "cpu.stat", "usage_usec 2000000\nuser_usec 5")
    assert meter.read() in (25.0, 50.0)  # 1 s of 2 cores x 2 s; of 1 core where this machine has only one


def test_cpu_usage_of_a_v1_group_comes_from_its_accounting(host: FakeHost) -> None:
    host.v1("cpu", "/job")
    host.v1("cpuacct", "/")
    host.write("cpu", "/job", "cpu.cfs_quota_us", "50000")
    host.write("cpu", "/job", "cpu.cfs_period_us", "100000")
    host.write("cpuacct", "/job", "cpuacct.usage", "0")
    ticks = iter([10.0, 12.0])
    meter = CpuMeter(host.proc, lambda: next(ticks))
    meter.read()
    host.write("cpuacct", "/job", "cpuacct.usage", "500000000")
    assert meter.read() == 50.0


def test_cpu_usage_of_the_machine_is_a_percentage() -> None:
    ticks = iter([1.0, 2.0])
    meter = CpuMeter(clock=lambda: next(ticks))
    meter.read()
    percent = meter.read()
    assert percent is not None
    assert 0.0 <= percent <= 100.0


@pytest.mark.parametrize(
    ("text", "cpus"), [("0-3,8", {0, 1, 2, 3, 8}), ("5", {5}), ("", set()), ("x", set()), ("1-", {1}), ("0-x", set())]
)
def test_cpu_lists(text: str, cpus: set[int]) -> None:
    assert parse_cpu_list(text) == cpus


def test_the_resources_have_exactly_the_fields_of_the_protocol(tmp_path: Path) -> None:
    resources = real_host(tmp_path, uses_gpus=False).read()
    text = (Path(__file__).parents[2] / "docs" / "agent-protocol.md").read_text()
    heartbeat = text[text.index('{"epoch", "seq", "resources"') : text.index('"accepts_work": true')]
    for name in resources:
        assert f'"{name}"' in heartbeat, name
    assert heartbeat.count('":') - len(resources) == 1  # the one more is "resources" itself
    assert resources["gpu_state"] == "disabled"
    assert resources["cpu_cores"] > 0
    assert resources["memory_used_mib"] <= resources["memory_mib"]
    assert resources["disk_free_mib"] <= resources["disk_total_mib"]


def test_a_missing_disk_is_unknown(tmp_path: Path) -> None:
    resources = real_host(tmp_path / "gone", uses_gpus=False).read()
    assert resources["disk_free_mib"] is None


def test_the_machine_names_itself_the_same_each_time() -> None:
    assert machine_id() == machine_id()
    assert len(machine_id()) == 64
    assert boot_id() == boot_id() != ""
    facts = host_facts("2030-01-01T00:00:00Z")
    assert set(facts) == {"hostname", "os", "python", "user", "started_at"}
    assert all(facts.values())
