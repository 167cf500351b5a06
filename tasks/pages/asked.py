"""What a task asks for beside cores, memory and cards, as pairs of words for its page. Pure; decides nothing."""

from django.conf import settings

from tasks.models import Task
from tasks.scheduling.wording import gib
from tasks.states import OnHostLoss

_ON_HOST_LOSS = f"killed on a host that loses contact for {settings.FAILOVER_STOP_SECONDS:g} s, and run elsewhere"


def placement_facts(task: Task) -> list[tuple[str, str]]:
    """Only what was asked for: a plain task has none."""
    facts = [
        ("Retries", _retries(task)),
        ("After running out of memory", _after_oom(task)),
        ("Asks for now", _grown(task)),
        ("Other hosts first", f"not {', '.join(task.avoid_hosts)}, where it failed lately" if task.avoid_hosts else ""),
        ("GPU type", " or ".join(task.gpu_types)),
        ("Disk", gib(task.disk_mib) if task.disk_mib else ""),
        ("Counted resources", ", ".join(f"{amount} {name}" for name, amount in task.resources.items())),
        ("Number of hosts", f"{task.node_count}, started together" if task.node_count > 1 else ""),
        ("Whole host", "nothing else runs there meanwhile" if task.whole_host else ""),
        ("Pool", task.pool),
        ("Only on", ", ".join(task.hosts)),
        ("Not on", ", ".join(task.exclude_hosts)),
        ("Requires", task.requires),
        ("Prefers", ", ".join(task.prefers)),
        ("Zone of its data", task.zone),
        ("Inside reservation", str(task.reservation_id or "")),
        ("Future host", "waits although no known host could run it" if task.wait_for_host else ""),
        ("If its host is lost", _ON_HOST_LOSS if task.on_host_loss == OnHostLoss.FAILOVER else ""),
    ]
    return [(label, words) for label, words in facts if words]


def _after_oom(task: Task) -> str:
    factor = f"{task.oom_memory_factor:g} times as much" if task.oom_memory_factor else ""
    return ", ".join(filter(None, (factor, "a whole GPU" if task.oom_exclusive else "")))


def _grown(task: Task) -> str:
    """Since memory ran out; what was asked for at first is shown above."""
    sizes = (("memory_mib", "of memory"), ("gpu_memory", "of GPU memory"))
    words = [f"{gib(task.grown[name])} {what}" for name, what in sizes if name in task.grown]
    return ", ".join([*words, *(["a whole GPU"] if task.grown.get("gpu_share") is False else [])])


def _retries(task: Task) -> str:
    if not task.retries:
        return ""
    codes = ", ".join(str(code) for code in task.retry_exit_codes)
    classes = f" on {', '.join(task.retry_on)}" if task.retry_on else ""
    return f"{task.retries}{classes}{f'; exit codes {codes} only' if codes else ''}"
