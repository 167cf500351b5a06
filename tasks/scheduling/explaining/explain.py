"""Why a task waits, in one sentence, cheap enough for long lists: hosts are read once, and looked at once for each kind
of task. What stands before it in the queue, and when it would start, is why's. Changes nothing.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta

from django.utils import timezone

from tasks.models import Task
from tasks.scheduling.explaining import kept, queue_words, recent, scene, sentences
from tasks.scheduling.explaining.outlook import Outlook
from tasks.scheduling.explaining.scene import Scene
from tasks.scheduling.order import PRESSING_SECONDS
from tasks.scheduling.rows.request import task_request
from tasks.scheduling.values import KEEP_OFF_SECONDS, Shape
from tasks.scheduling.wording import needs
from tasks.states import TaskStatus

SHOWN_TASKS = 3
PASSED_OVER_SECONDS = 5.0


def waiting_sentence(task: Task) -> str:
    """Empty when the task neither waits nor is blocked."""
    return waiting_sentences([task])[task.pk]


def waiting_sentences(tasks: Sequence[Task], look: Callable[[], Scene] = recent.now) -> dict[int, str]:
    """The sentence of each task by its id; hosts are looked at once for all, and not at all when nobody waits."""
    queued = [task for task in tasks if is_queued(task)]
    seen = _seen({task.reservation_id for task in queued if task.reservation_id}, look) if queued else None
    return {task.pk: sentence(task, seen) for task in tasks}


def _seen(reservation_ids: set[int], look: Callable[[], Scene]) -> Scene:
    return scene.load(reservation_ids) if reservation_ids else look()


def is_queued(task: Task) -> bool:
    """Waiting, not held and not placed on a host yet; or not stored, and only asked about."""
    return task.status in ("", TaskStatus.WAITING) and task.current_fence is None and task.held_at is None


def sentence(task: Task, seen: Scene | None) -> str:
    """`seen` is needed for tasks that are queued only."""
    if task.held_at is not None and not task.is_final:
        return " ".join(part for part in (_held(task), _blocked_sentence(task)) if part)
    if task.status == TaskStatus.BLOCKED:
        return _blocked_sentence(task)
    if is_queued(task) and seen is not None:
        return " ".join(part for part in (_back_off(task) or room_sentence(task, seen), _deadline(task)) if part)
    if task.status != TaskStatus.WAITING:
        return ""
    if task.node_count > 1:
        return f"Placed on {task.node_count} hosts, led by {task.agent_name}; it starts when all have accepted it."
    return f"Placed on {task.agent_name}; it has not started yet."


def room_sentence(task: Task, seen: Scene) -> str:
    """What the hosts, the site and its reservation say to a task that is queued."""
    shape = task_request(task, seen.site_names).shape
    if words := _reservation_sentence(shape, seen):
        return words
    if not seen.hosts:
        return "No host has connected yet."
    if shape.pool and not any(shape.pool in host.pools for host in seen.hosts):
        return f"The pool {shape.pool} has no host, or there is no such pool any more."
    if shape.hosts and not any(host.name in shape.hosts for host in seen.hosts):
        return sentences.out_of_service(shape, seen.retired)
    if words := sentences.site_short(shape, seen.hosts, seen.site_total, seen.site_free):
        return words
    found = seen.outlooks(shape)
    if found is None:
        return f"Needs {needs(shape)}; open it to see what the hosts say."
    return (
        sentences.no_room(shape, found)
        or _kept_off(task, shape, found)
        or _kept(task, found, seen)
        or sentences.NEXT_IN_LINE
    )


def _kept_off(task: Task, shape: Shape, found: Sequence[Outlook]) -> str:
    """There is room where it failed just now, and others could have it later."""
    if not shape.avoid_hosts or task.waiting_since is None:
        return ""
    until = task.waiting_since + timedelta(seconds=KEEP_OFF_SECONDS)
    return sentences.kept_off(shape, found, until) if timezone.now() < until else ""


def _kept(task: Task, found: Sequence[Outlook], seen: Scene) -> str:
    """A pass has looked at it and left it, although there is room."""
    if task.waiting_since is None or (timezone.now() - task.waiting_since).total_seconds() < PASSED_OVER_SECONDS:
        return ""
    if seen.kept is None:
        seen.kept = kept.by_host(seen)
    with_room = [outlook.host for outlook in found if outlook.fits]
    return queue_words.kept(with_room, seen.kept, task.pk, task.node_count)


def _reservation_sentence(shape: Shape, seen: Scene) -> str:
    number = shape.reservation_id
    if number in seen.pending:
        return f"Waits for reservation {number}, which has not found room itself yet."
    if number is not None and (state := seen.closed.get(number)):
        return f"Its reservation {number} is over ({state})."
    return ""


def _blocked_sentence(task: Task) -> str:
    """Uses what the caller prefetched (tasks.querysets)."""
    rows = [row for row in task.dependencies.all() if not row.is_satisfied]
    if not rows:
        return ""
    names = [f"#{row.depends_on_id} ({row.depends_on.status})" for row in rows]
    more = f" and {len(rows) - SHOWN_TASKS} more" if len(rows) > SHOWN_TASKS else ""
    return "Waits for " + ", ".join(names[:SHOWN_TASKS]) + more + "."


def _held(task: Task) -> str:
    return f"Held: {task.held_reason.rstrip('.')}. It is not placed until it is released."


def _back_off(task: Task) -> str:
    if task.not_before is None or task.not_before <= timezone.now():
        return ""
    return f"Tries again at {task.not_before:%H:%M:%S} UTC."


def _deadline(task: Task) -> str:
    """Only once it counts: tasks.scheduling.order."""
    if task.start_by is None:
        return ""
    left = (task.start_by - timezone.now()).total_seconds()
    if left >= PRESSING_SECONDS:
        return ""
    if left < 0:
        return f"Moved forward within its priority: it had to start by {task.start_by:%H:%M} UTC to keep its deadline."
    return f"Moved forward within its priority: it has to start by {task.start_by:%H:%M} UTC to keep its deadline."
