"""`make chaos`: breaks a real site for CHAOS_MINUTES (30) by SEED, lets it heal, and checks every promise.

The report lies in data/chaos/<SEED>/; the last line sums up, and the exit status says whether a promise was broken.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.acceptance.processes import with_variable
from tests.chaos.backups import Backups
from tests.chaos.checker import check
from tests.chaos.nemesis import Nemesis
from tests.chaos.report import Report
from tests.chaos.site import ChaosSite, chaos_site
from tests.chaos.workload import Workload

ROOT = Path(__file__).resolve().parents[2]
HOSTS = 4
TASKS_PER_MINUTE = 40
FAULTS_PER_MINUTE = 11
LIVES_PER_MINUTE = 10
DRAIN_SECONDS = 600.0


def main() -> int:
    minutes = float(os.environ.get("CHAOS_MINUTES", "30"))
    seed = int(os.environ.get("SEED") or int(time.time()))
    folder = ROOT / "data" / "chaos" / str(seed)
    shutil.rmtree(folder, ignore_errors=True)
    report = Report(folder)
    say(f"chaos: SEED={seed}, {minutes:g} minutes; the report is in {folder}")
    work = Path(tempfile.mkdtemp(prefix=f"nightshift-chaos-{seed}-"))
    summary: list[str] = []
    last = "chaos: it did not come to its end"
    try:
        with chaos_site(work, HOSTS, seed) as site:
            summary += site.notes
            last = play(site, report, seed, minutes, summary, work)
        if os.environ.get("CHAOS_MACHINE", "1") == "1":
            summary.append(machine(report, seed, minutes))
    except BaseException as error:
        report.violation(f"the rig itself failed: {error!r}")
        raise
    finally:
        last = f"{last}, {len(report.violations)} violations (SEED={seed})"
        report.write_summary([*summary, last])
        report.close()
        keep_logs(work, folder)
    for line in [*summary, *report.violations]:
        say(line)
    say(last)
    return 1 if report.violations else 0


def play(site: ChaosSite, report: Report, seed: int, minutes: float, summary: list[str], work: Path) -> str:
    """Returns the sum of it in one line."""
    count = max(30, int(TASKS_PER_MINUTE * minutes))
    workload = Workload(site, report, seed, count, minutes * 60)
    nemesis = Nemesis(site, report, seed + 1, FAULTS_PER_MINUTE)
    backups = Backups(site, report, work / "backups", minutes * 60)
    for disturbance in (workload, nemesis, backups):
        disturbance.start()
    until = time.monotonic() + minutes * 60
    while time.monotonic() < until:
        workload.look()
        time.sleep(2)
    nemesis.stop()
    report.note("healed")
    backups.stop()
    workload.wait()
    drain(site, workload, report)
    compared = check(site, workload, report)
    backups.check(workload)
    summary += [*by_kind(workload), *spoilt(site), str(backups)]
    faults = f"{nemesis.counts.total()} faults ({listed(nemesis.counts)})"
    return f"chaos: {len(workload.tasks)} tasks, {faults}, {compared}"


def by_kind(workload: Workload) -> Iterator[str]:
    kinds = sorted({wanted.kind for wanted in workload.tasks})
    for kind in kinds:
        ends = [wanted.result.get("end_reason", "open") for wanted in workload.tasks if wanted.kind == kind]
        told = ", ".join(f"{ends.count(end)} {end}" for end in sorted(set(ends)))
        yield f"{len(ends)} {kind}: {told}"


def spoilt(site: ChaosSite) -> Iterator[str]:
    yield "exchanges spoilt: " + listed(sum((host.proxy.counts for host in site.hosts), Counter[str]()))


def listed(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))


def drain(site: ChaosSite, workload: Workload, report: Report) -> None:
    """All is healed: nothing may stay open, on the server or on a host."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while left := left_open(site, workload):
        if time.monotonic() > deadline:
            for sentence in left:
                report.violation(f"after {DRAIN_SECONDS:g} s without faults {sentence}")
            return
        time.sleep(1)
    report.note("drained")


def left_open(site: ChaosSite, workload: Workload) -> list[str]:
    found = []
    if count := workload.look():
        found.append(f"{count} tasks are still open")
    for host in site.hosts:
        if folders := host.folders():
            found.append(f"{host.name} still keeps {len(folders)} sub agents, such as {folders[0]}")
    if pids := with_variable("WITNESS", str(site.witness)):
        found.append(f"processes of scripts are still there: {pids[:10]}")
    return found


def machine(report: Report, seed: int, minutes: float) -> str:
    """The state machine of tests/machine in its long profile, as another process."""
    lives = max(10, int(LIVES_PER_MINUTE * minutes))
    env = {**os.environ, "MACHINE_PROFILE": "long", "MACHINE_SEED": str(seed), "MACHINE_EXAMPLES": str(lives)}
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "tests/machine"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    (report.folder / "machine.txt").write_text(done.stdout + done.stderr)
    if done.returncode != 0:
        report.violation(f"the state machine found something (MACHINE_SEED={seed}); see machine.txt")
    return f"state machine: {lives} lives, {'well' if done.returncode == 0 else 'NOT well'}"


def keep_logs(work: Path, folder: Path) -> None:
    """What server and agents said; the rest goes."""
    for log in [*work.glob("site/*.out"), *work.glob("site/data/logs/system/*.log")]:
        shutil.copy2(log, folder / log.name)
    if os.environ.get("CHAOS_KEEP") != "1":
        shutil.rmtree(work, ignore_errors=True)


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a program


if __name__ == "__main__":
    sys.exit(main())
