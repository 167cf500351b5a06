"""What a backup must know of a database that it does not copy itself (PostgreSQL), and what a restore changes there,
through Django."""

from dataclasses import dataclass

from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import F

from scheduler_site.backup.database import Stream
from scheduler_site.models import LoopLease, ServerIdentity
from scheduler_site.models.server_identity import new_generation
from scheduler_site.shared.identity import instance_id
from tasks.commit_seq import commit_seq
from tasks.models import FenceCounter, OutputLog
from tasks.states import LogState


@dataclass(frozen=True)
class Facts:
    instance_id: str
    commit_seq: int
    migrations: list[str]
    streams: list[Stream]


def facts() -> Facts:
    applied = sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations())
    rows = OutputLog.objects.filter(stored_bytes__gt=0).exclude(state=LogState.PRUNED).order_by("pk")
    rows = rows.select_related("sub_agent")
    return Facts(instance_id(), commit_seq(), applied, [_stream(row) for row in rows.iterator(chunk_size=1000)])


def begin_anew(fences_skipped: int) -> None:
    """As database.begin_anew, in the database that was restored by its own tools."""
    with transaction.atomic():
        FenceCounter.objects.update(value=F("value") + fences_skipped)
        LoopLease.objects.update(holder="")
        ServerIdentity.objects.update(generation=new_generation())


def _stream(row: OutputLog) -> Stream:
    attempt = row.sub_agent
    return Stream(
        task_id=attempt.task_id,
        attempt_no=attempt.attempt_no,
        rank=attempt.rank,
        stream=row.stream,
        size=row.stored_bytes,
        gaps=row.known_gaps,
        is_complete=row.state == LogState.COMPLETE,
        sha256=row.sha256,
    )
