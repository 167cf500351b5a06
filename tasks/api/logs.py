"""Output of tasks by byte offset: `/log` for programs and pages, `/log/download` for people. Never past what is stored.

Bytes go out as they were written: whatever a script printed, a browser shows it as plain text in a sandbox.
"""

from collections.abc import Iterator
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

from scheduler_site.shared.strict_fields import LARGEST_INTEGER
from scheduler_site.shared.strict_serializers import RefuseUnknownFields
from tasks import logs
from tasks.api import byte_ranges
from tasks.api.byte_ranges import ByteRange, Unsatisfiable
from tasks.models import SubAgent, Task
from tasks.states import LogState

MIB = 1024 * 1024
OPEN_RANGE_BYTES = 4 * MIB  # what `bytes=N-` gives at most: the asker comes again for the rest
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
    task = Task.objects.only("id", "status", "attempt_no", "node_count").filter(pk=task_id).first()
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
        ("X-Attempt-No", OpenApiTypes.INT, "the attempt whose output this is; 0: there was none"),
    )
]
REPLIES: dict[Any, Any] = {
    (200, "text/plain"): OpenApiResponse(OpenApiTypes.BINARY, "All that is stored."),
    (206, "text/plain"): OpenApiResponse(OpenApiTypes.BINARY, "The range; Content-Range says which and of how much."),
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
        query = LogQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted = query.validated_data
        output = find_output(pk, wanted.get("attempt_no"), wanted["stream"], wanted["rank"])
        response = answer(output, _wanted_range(request), is_head=request.method == "HEAD")
        if self.is_download:
            response["Content-Disposition"] = f'attachment; filename="{output.file_name}"'
        return response


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
        part = byte_ranges.parse(header, output.size, OPEN_RANGE_BYTES)
    except Unsatisfiable:
        return _with_headers(_no_bytes(output), output)
    response = _bytes(output, part or ByteRange(0, output.size), is_head)
    if part is not None:
        response.status_code = 206
        stop = part.start + int(response["Content-Length"])
        response["Content-Range"] = f"bytes {part.start}-{stop - 1}/{output.size}"
    return _with_headers(response, output)


def _no_bytes(output: Output) -> HttpResponse:
    body = f'{{"code": "no_bytes", "detail": "{output.size} bytes are stored."}}'
    response = HttpResponse(body, status=416, content_type="application/json")
    response["Content-Range"] = f"bytes */{output.size}"
    return response


def _bytes(output: Output, part: ByteRange, is_head: bool) -> HttpResponseBase:
    length = part.stop - part.start
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


def _with_headers(response: HttpResponseBase, output: Output) -> HttpResponseBase:
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Log-State": output.state,
        "X-Task-Status": output.task.status,
        "X-Attempt-No": str(output.attempt_no),
    }
    for name, value in headers.items():
        response[name] = value
    return response


def _wanted_range(request: Request) -> str:
    """If-Range compares validators; we send none, so whoever asks with one gets the whole."""
    return "" if "If-Range" in request.headers else request.headers.get("Range", "")
