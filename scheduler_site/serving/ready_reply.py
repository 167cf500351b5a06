"""Writes a reply in one piece where neither daphne nor Twisted would do more than write it.

Pieces, HEAD, replies without a body, HTTP/1.0, connections that end and cookies are theirs, and clients that have gone.
"""

from typing import Any

from daphne.http_protocol import WebRequest
from django.http import HttpResponseBase
from twisted.web.http import NO_BODY_CODES, RESPONSES

from scheduler_site.onehop import start_message


def is_ready(request: WebRequest, response: HttpResponseBase) -> bool:
    return (
        not request.finished
        and request.channel is not None
        and request.clientproto == b"HTTP/1.1"
        and request.method != b"HEAD"
        and not any(request.responseHeaders.getAllRawHeaders())  # "Connection: close" would be one
        and response.status_code in RESPONSES
        and response.status_code not in NO_BODY_CODES
        and "Content-Length" in response.headers
        and "Server" not in response.headers
        and not response.cookies
    )


def write(request: WebRequest, response: Any) -> None:
    status = response.status_code
    head = [b"HTTP/1.1 %d %b\r\n" % (status, RESPONSES[status])]
    head += [b"%b: %b\r\n" % header for header in start_message(response)["headers"]]
    head.append(b"Server: %b\r\n\r\n" % request.server.server_name.encode())
    request.startedWriting = request._response_started = True
    request.setResponseCode(status)
    request.channel.write(b"".join([*head, response.content]))
    request.finish()
