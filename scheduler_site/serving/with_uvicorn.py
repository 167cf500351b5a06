"""Runs the application on uvicorn (NIGHTSHIFT_ASGI=uvicorn): faster, not needed, installed by hand."""

import asyncio
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from scheduler_site.address import Address
from scheduler_site.serving.endpoints import CannotListen

MISSING = (
    "NIGHTSHIFT_ASGI is 'uvicorn', but uvicorn is not installed. Run `.venv/bin/pip install uvicorn websockets`, "
    "or unset NIGHTSHIFT_ASGI to use daphne."
)


def run(
    application: Any,
    address: Address,
    files: tuple[Path | None, Path | None],
    on_ready: Callable[[asyncio.AbstractEventLoop], None],
) -> str:
    """Blocks until the server ends. No TLS: the second, plain port that goes with it is daphne's alone."""
    try:
        uvicorn = import_module("uvicorn")
    except ImportError:
        raise CannotListen(MISSING) from None
    if any(files):
        raise CannotListen("NIGHTSHIFT_ASGI=uvicorn does not do TLS here. Use daphne, or TLS in a proxy before it.")
    config = uvicorn.Config(
        application, host=address.host, port=address.port, log_config=None, lifespan="off", timeout_graceful_shutdown=2
    )
    asyncio.run(_serve(uvicorn.Server(config), on_ready))
    return ""


async def _serve(server: Any, on_ready: Callable[[asyncio.AbstractEventLoop], None]) -> None:
    on_ready(asyncio.get_running_loop())
    await server.serve()
