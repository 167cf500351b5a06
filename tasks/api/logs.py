"""Output of tasks by byte offset: `/log` for programs and pages, `/log/download` for people. Never past what is stored.

Positions are those of the stream as it was written; where bytes were dropped an answer ends, and the next begins behind
the gap. Bytes go out as they were written: whatever a script printed, a browser shows it as plain text in a sandbox.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from scheduler_site.shared import statements
from scheduler_site.shared.strict_fields import LARGEST_INTEGER
from scheduler_site.shared.strict_serializers import RefuseUnknownFields
from tasks.api import byte_ranges
from tasks.api.byte_ranges import ByteRange, Unsatisfiable
from tasks.models import SubAgent, Task
from tasks.output import logs
from tasks.output.log_gaps import Gap, Gaps, Run
from tasks.states import LogState

_kept = threading.local()

MIB = 1024 * 1024
OPEN_RANGE_BYTES = 4 * MIB  # what `bytes=N-` gives at most: the asker comes again for the rest
MOST_GAPS_TOLD = 32  # in a header; the task's reply has all of them
AT_ONCE_BYTES = MIB  # replies up to this size are sent in one piece


class LogQuery(RefuseUnknownFields):
    attempt_no = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_INTEGER)
    stream = serializers.ChoiceField(choices=logs.STREAMS, default="out")
    rank = serializers.IntegerField(
        required=False, default=0, min_value=0, max_value=LARGEST_INTEGER, help_text="Which host of a gang; 0 leads it."
    )


class AnyAccept(BaseContentNegotiation):
    """Bytes are sent whatever the Accept header says; errors are JSON."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type


@dataclass(frozen=True)
class Output:
    """One stream of one attempt, of a gang's member, as far as it is stored now. `stored` is None before the first
    byte."""

    stored: logs.StoredLog | None
    task: Task
    attempt_no: int
    stream: str
    state: str
    rank: int = 0

    @property
    def size(self) -> int:
        return 0 if self.stored is None else self.stored.size

    @property
    def runs(self) -> list[Run]:
        return [] if self.stored is None else self.stored.runs

    @property
    def gaps(self) -> Gaps:
        return () if self.stored is None else self.stored.gaps

    @property
    def removal(self) -> str:
        return "" if self.stored is None else self.stored.removal

    @property
    def file_name(self) -> str:
        suffix = "" if self.stream == "out" else f".{self.stream}"
        member = f".rank-{self.rank}" if self.rank else ""
        return f"task-{self.task.pk}-{self.attempt_no}{member}{suffix}.log"

    def read(self, part: ByteRange) -> Iterator[bytes]:
        if self.stored is None or part.stop <= part.start:
            return iter(())
        return logs.read(self.stored, part.start, part.stop)


def find_output(task_id: int, attempt_no: int | None, stream: str, rank: int = 0) -> Output:
    """NotFound when there is no such task, attempt or rank; empty when it printed nothing yet."""
    task = statements.instance(Task, {"pk": task_id}, ("status", "attempt_no", "node_count"))
    if task is None:
        raise NotFound(f"There is no task {task_id}.")
    stored = logs.find(task, attempt_no, stream, rank)
    if stored is not None:
        return Output(stored, task, stored.sub_agent.attempt_no, stream, stored.state, rank)
    sub_agent = SubAgent.objects.filter(task=task, attempt_no=attempt_no or task.attempt_no, rank=rank).first()
    if sub_agent is None and (attempt_no is not None or rank >= task.node_count):
        raise NotFound(_what_is_missing(task, attempt_no, rank))
    is_open = sub_agent.is_live if sub_agent is not None and attempt_no is not None else not task.is_final
    state = LogState.OPEN if is_open else LogState.COMPLETE
    return Output(None, task, attempt_no or task.attempt_no, stream, state, rank)


def _what_is_missing(task: Task, attempt_no: int | None, rank: int) -> str:
    if rank < task.node_count:
        return f"Task {task.pk} has no attempt {attempt_no}."
    return f"Task {task.pk} has no rank {rank}; it runs on {task.node_count} host{'s' * (task.node_count > 1)}."


RANGE = OpenApiParameter(
    "Range",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description=f"`bytes=N-` (at most {OPEN_RANGE_BYTES} bytes of what is there), `bytes=N-M` or `bytes=-N` (the end).",
)
SHOWN_HEADERS = [
    OpenApiParameter(name, kind, OpenApiParameter.HEADER, response=[200, 206], description=words)
    for name, kind, words in (
        ("X-Log-State", OpenApiTypes.STR, "open, draining, complete, corrupt or incomplete"),
        ("X-Task-Status", OpenApiTypes.STR, "the task's status"),
        ("X-Log-Size", OpenApiTypes.INT, "how much was written as far as known here; what was dropped counts as well"),
        (
            "X-Log-Gaps",
            OpenApiTypes.STR,
            "what is missing before or within the body: `from-to;reason`, `to` not included",
        ),
        ("X-Attempt-No", OpenApiTypes.INT, "the attempt whose output this is; 0: there was none"),
    )
] + [
    OpenApiParameter(
        "X-Log-Removal", OpenApiTypes.STR, OpenApiParameter.HEADER, response=[410], description="when it went, and why"
    )
]
REPLIES: dict[Any, Any] = {
    (200, "text/plain"): OpenApiResponse(OpenApiTypes.BINARY, "All that is kept, without what was dropped."),
    (206, "text/plain"): OpenApiResponse(
        OpenApiTypes.BINARY, "The kept part of the range up to the next gap; Content-Range says which and of how much."
    ),
    410: OpenApiResponse(OpenApiTypes.OBJECT, "The output was removed by policy or hand, or while it was read."),
    404: OpenApiResponse(OpenApiTypes.OBJECT, "No such task or attempt."),
    416: OpenApiResponse(OpenApiTypes.OBJECT, "Nothing there yet; Content-Range says how much is stored."),
}


class TaskLog(APIView):
    content_negotiation_class = AnyAccept
    is_download = False

    @extend_schema(
        operation_id="tasks_log", parameters=[LogQuery, RANGE, *SHOWN_HEADERS], request=None, responses=REPLIES
    )
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        """Output of the latest attempt, or of `attempt_no`, byte for byte; without Range all that is stored."""
        wanted = _query().run_validation(request.query_params)
        output = find_output(pk, wanted.get("attempt_no"), wanted["stream"], wanted["rank"])
        response = answer(output, _wanted_range(request), is_head=request.method == "HEAD")
        if self.is_download:
            response["Content-Disposition"] = f'attachment; filename="{output.file_name}"'
        return response


def _query() -> LogQuery:
    """One for each thread: to make it costs more than to use it, and who watches a script asks often."""
    if not hasattr(_kept, "query"):
        _kept.query = LogQuery()
    query: LogQuery = _kept.query
    return query


class TaskLogDownload(TaskLog):
    is_download = True

    @extend_schema(
        operation_id="tasks_log_download", parameters=[LogQuery, RANGE, *SHOWN_HEADERS], request=None, responses=REPLIES
    )
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        """The same as a file to keep, named like task-41-1.log."""
        return super().get(request, pk)


def answer(output: Output, header: str, *, is_head: bool) -> HttpResponseBase:
    try:
        if output.state == LogState.PRUNED:
            return _with_headers(_pruned(output), output)
        return _answer(output, header, is_head)
    except logs.Dropped as error:
        return _with_headers(_gone("dropped", f"{error} Ask again."), output)


def _answer(output: Output, header: str, is_head: bool) -> HttpResponseBase:
    try:
        wanted = byte_ranges.parse(header, output.size, OPEN_RANGE_BYTES)
        part = None if wanted is None else byte_ranges.first_kept(wanted, output.runs)
    except Unsatisfiable:
        return _with_headers(_no_bytes(output), output, gaps_in(output, _start_of(header), output.size))
    if wanted is None or part is None:
        return _with_headers(_bytes(output, ByteRange(0, output.size), is_head), output, output.gaps)
    response = _bytes(output, part, is_head)
    response.status_code = 206
    stop = part.start + int(response["Content-Length"])
    response["Content-Range"] = f"bytes {part.start}-{stop - 1}/{output.size}"
    return _with_headers(response, output, gaps_in(output, wanted.start, part.start))


def _start_of(header: str) -> int:
    """Where a reader stands who asked for `bytes=N-` and got nothing; anybody else hears of every gap."""
    number = header.strip().removeprefix("bytes=").partition("-")[0]
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 20 else 0


def gaps_in(output: Output, start: int, stop: int) -> list[Gap]:
    return [gap for gap in output.gaps if gap.start < stop and start < gap.stop]


def _no_bytes(output: Output) -> HttpResponse:
    body = f'{{"code": "no_bytes", "detail": "{output.size} bytes are stored."}}'
    response = HttpResponse(body, status=416, content_type="application/json")
    response["Content-Range"] = f"bytes */{output.size}"
    return response


def _pruned(output: Output) -> HttpResponse:
    return _gone(
        "pruned",
        f"The output of attempt {output.attempt_no} was {output.removal}; it had {output.size} bytes.",
    )


def _gone(code: str, detail: str) -> HttpResponse:
    return HttpResponse(f'{{"code": "{code}", "detail": "{detail}"}}', status=410, content_type="application/json")


def _bytes(output: Output, part: ByteRange, is_head: bool) -> HttpResponseBase:
    length = sum(max(0, min(part.stop, run.stop) - max(part.start, run.start)) for run in output.runs)
    response: HttpResponseBase
    if is_head:
        response = HttpResponse()
    elif length <= AT_ONCE_BYTES:
        data = b"".join(output.read(part))
        response, length = HttpResponse(data), len(data)
    else:
        response = StreamingHttpResponse(output.read(part))
    response["Content-Type"] = "text/plain; charset=utf-8"
    response["Content-Length"] = str(length)
    return response


def _with_headers(response: HttpResponseBase, output: Output, gaps: Sequence[Gap] = ()) -> HttpResponseBase:
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Log-State": output.state,
        "X-Task-Status": output.task.status,
        "X-Log-Size": str(output.size),
        "X-Attempt-No": str(output.attempt_no),
    }
    if output.removal:
        headers["X-Log-Removal"] = output.removal
    if gaps:
        headers["X-Log-Gaps"] = ", ".join(f"{gap.start}-{gap.stop};{gap.reason}" for gap in gaps[:MOST_GAPS_TOLD])
    for name, value in headers.items():
        response[name] = value
    return response


def _wanted_range(request: Request) -> str:
    """If-Range compares validators; we send none, so whoever asks with one gets the whole."""
    return "" if "If-Range" in request.headers else request.headers.get("Range", "")
