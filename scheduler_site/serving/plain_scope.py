"""The scope of a request in which nothing is unusual, as daphne makes it, without daphne's generator.

Decides nothing: what has anything unusual in it is left to daphne, which checks, refuses and upgrades.
"""

import time
from urllib.parse import unquote

from daphne.http_protocol import WebRequest
from daphne.utils import HEADER_NAME_RE, INVALID_HEADER_VALUE_BYTES

from scheduler_site.onehop import Scope

Headers = list[tuple[bytes, bytes]]

NOT_PLAIN = {b"upgrade", b"daphne-root-path"}
INVALID = bytes(INVALID_HEADER_VALUE_BYTES)


def plain_scope(request: WebRequest) -> Scope | None:
    headers = plain_headers(request)
    if headers is None or not request.uri.isascii() or request.server.proxy_forwarded_address_header:
        return None
    path, _, query = request.uri.partition(b"?")
    client, server = request.client, request.host
    request.request_start = time.time()
    request.client_addr, request.server_addr = [str(client.host), client.port], [str(server.host), server.port]
    return {
        "type": "http",
        "http_version": request.clientproto.rpartition(b"/")[2].decode("ascii"),
        "method": request.method.decode("ascii"),
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "root_path": request.server.root_path,
        "scheme": "https" if request.isSecure() else "http",
        "query_string": query,
        "headers": headers,
        "client": request.client_addr,
        "server": request.server_addr,
    }


def plain_headers(request: WebRequest) -> Headers | None:
    headers = []
    for name, values in request.requestHeaders.getAllRawHeaders():
        small = name.lower()
        if small in NOT_PLAIN or b"_" in name or not HEADER_NAME_RE.fullmatch(name):
            return None
        for value in values:
            if len(value.translate(None, INVALID)) != len(value):
                return None
            headers.append((small, value))
    return headers
