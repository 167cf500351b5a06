"""The placement simulator on the small made-up trace: it reads, draws, replays, resumes, and says what is wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.placement import policies, runs, table
from benchmarks.placement.replay import capacity_milli, replay
from benchmarks.placement.runs import Run
from benchmarks.placement.sequence import draw
from benchmarks.placement.trace import BadTrace, gpu_milli, read_nodes, read_tasks

MADE_UP = Path(policies.__file__).parent / "made_up"
NODES, TASKS = MADE_UP / "nodes.csv", MADE_UP / "tasks.csv"


def test_the_trace_is_read_as_it_is() -> None:
    hosts, tasks = read_nodes(NODES), read_tasks(TASKS)
    assert (len(hosts), capacity_milli(hosts)) == (32, 132_000)
    assert len(tasks) == 192
    assert {task.gpu_types for task in tasks} == {(), ("A100",), ("L40", "T4")}
    assert {gpu_milli(task) for task in tasks} == {0, 250, 330, 500, 700, 1000, 2000, 4000, 8000}


def test_a_run_draws_the_shuffled_list_and_then_at_random_up_to_the_demand() -> None:
    tasks = read_tasks(TASKS)
    drawn = draw(tasks, 400_000, 1.3, 42)
    assert sorted(map(repr, drawn[: len(tasks)])) == sorted(map(repr, tasks))
    assert drawn[: len(tasks)] != tasks
    asked = sum(map(gpu_milli, drawn))
    assert asked >= 520_000 > asked - gpu_milli(drawn[-1])
    assert drawn == draw(tasks, 400_000, 1.3, 42)
    assert drawn != draw(tasks, 400_000, 1.3, 43)


@pytest.mark.parametrize("policy", policies.NAMES)
def test_every_policy_fills_the_cluster_without_overbooking_it(policy: str) -> None:
    hosts, tasks = read_nodes(NODES), read_tasks(TASKS)
    arrivals = draw(tasks, capacity_milli(hosts), 1.3, 42)
    result = replay(hosts, arrivals, policies.make(policy, 42, hosts, tasks), policy, 42)
    assert result.placed + result.refused == len(arrivals)
    assert 80 < result.allocated_percent <= 100
    free = sum(card.free_mib or 0 for host in hosts for card in host.cards)
    assert round(100 * (1 - free / capacity_milli(hosts)), 4) == result.allocated_percent
    assert min(host.free_centicores for host in hosts) >= 0
    assert min(host.free_memory_mib or 0 for host in hosts) >= 0
    assert min(card.free_mib or 0 for host in hosts for card in host.cards) >= 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sn,cpu_milli\nn,1\n", "the header has no memory_mib, gpu, model"),
        ("sn,cpu_milli,memory_mib,gpu,model\na,1,1,1,T4\nb,-5,1,1,T4\n", "line 3: cpu_milli is '-5'"),
        ("sn,cpu_milli,memory_mib,gpu,model\na,1,nan,1,T4\n", "line 2: memory_mib is 'nan'"),
        ("sn,cpu_milli,memory_mib,gpu,model\na,1\n", "line 2: memory_mib is ''"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "nodes.csv"
    path.write_text(text)
    with pytest.raises(BadTrace, match=words):
        read_nodes(path)


def test_a_share_of_more_than_a_card_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tasks.csv"
    path.write_text("cpu_milli,memory_mib,num_gpu,gpu_milli\n1,1,1,1001\n")
    with pytest.raises(BadTrace, match="line 2: gpu_milli is 1001"):
        read_tasks(path)


def test_an_interrupted_call_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "results.json"
    chosen = [Run(NODES, TASKS, "first_fit", seed, 1.3) for seed in (1, 2)]
    first = runs.perform(chosen[0]).as_json()
    runs.write(out, {chosen[0].key: {**first, "placed": -1}})
    results = runs.perform_all(chosen, out, workers=1)
    assert [result["placed"] for result in results] == [-1, runs.perform(chosen[1]).placed]


def test_the_command_writes_what_its_readers_expect(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    command = [sys.executable, "-m", "benchmarks.placement", "--nodes", str(NODES), "--tasks", str(TASKS)]
    command += ["--policy", "fgd", "--seeds", "42-43", "--inflate", "1.3", "--json", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "mean of 2 seeds" in done.stdout
    results = json.loads(out.read_text())
    assert [list(result) for result in results] == [
        ["policy", "seed", "allocated_percent", "placed", "refused", "seconds"]
    ] * 2
    assert not list(tmp_path.glob("*.runs"))


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.placement", "--nodes", str(TASKS), "--tasks", str(TASKS)]
    command += ["--policy", "random", "--json", str(tmp_path / "out.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the header has no sn, gpu, model" in done.stderr


def test_our_gpu_policy_beats_random_and_best_fit_here_too() -> None:
    means = {}
    for policy in ("random", "published_best_fit", "fragmentation"):
        found = [runs.perform(Run(NODES, TASKS, policy, seed, 1.3)).allocated_percent for seed in range(42, 52)]
        means[policy] = sum(found) / len(found)
    assert means["fragmentation"] > means["published_best_fit"] > means["random"]


def test_the_table_sets_our_figures_beside_the_published() -> None:
    means = {(name, policy): (90.0, 0.5, 1000.0) for name in table.LISTS for policy in table.POLICIES}
    lines = table.table(means).splitlines()
    assert lines[0] == (
        "| list | random | dot product | clustering | packing | best fit | FGD | fragmentation-aware (ours) |"
    )
    assert lines[2] == (
        "| default | 90.00 ± 0.50 (87.47) | (90.85) | (91.88) | (92.00) | 90.00 ± 0.50 (93.08) "
        "| 90.00 ± 0.50 (95.39) | 90.00 ± 0.50 |"
    )
    assert lines[-1].endswith("| 1,000 | 1,000 | 1,000 |")
