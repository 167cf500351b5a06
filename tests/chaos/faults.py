"""What can be done to one exchange between a client and the server; each is given to Proxy.fail().

A fault takes the exchange and does with it what it likes: forward the request or not, once or twice, answer or not.
"""

import asyncio
from collections.abc import Awaitable, Callable

from tests.chaos.exchange import Exchange
from tests.chaos.http_messages import made

Fault = Callable[[Exchange], Awaitable[None]]


async def passed_on(exchange: Exchange) -> None:
    """No fault at all."""
    await exchange.answer(await exchange.forward())


async def drop_request(exchange: Exchange) -> None:
    """The connection ends before the server has seen the request."""
    exchange.hang_up()


async def drop_reply(exchange: Exchange) -> None:
    """The server acts, and its answer is lost."""
    await exchange.forward()
    exchange.hang_up()


async def reset(exchange: Exchange) -> None:
    """The server acts, and the connection ends with a RST."""
    await exchange.forward()
    exchange.reset()


async def duplicate(exchange: Exchange) -> None:
    """The server gets the request twice, one after the other; the client hears the first answer."""
    reply = await exchange.forward()
    await exchange.forward()
    await exchange.answer(reply)


async def duplicate_at_once(exchange: Exchange) -> None:
    """The server gets the request twice at the same moment; the client hears one answer."""
    _, reply = await asyncio.gather(exchange.forward_apart(), exchange.forward())
    await exchange.answer(reply)


async def stall(exchange: Exchange) -> None:
    """Headers of the right answer, then nothing, until the client gives up."""
    reply = await exchange.forward()
    await exchange.answer(reply.__class__(reply.head))
    await exchange.client_gone()


async def silence(exchange: Exchange) -> None:
    """The request vanishes, and nothing says so, until the client gives up."""
    await exchange.client_gone()


async def truncate_reply(exchange: Exchange) -> None:
    """Half of the answer's body, then the end of the connection."""
    await exchange.answer((await exchange.forward()).cut_short())
    exchange.hang_up()


async def truncate_request(exchange: Exchange) -> None:
    """Half of the request's body reaches the server, under a length that fits it."""
    short = exchange.request.with_body(exchange.request.cut_short().body)
    await exchange.answer(await exchange.forward(short))


async def corrupt_request(exchange: Exchange) -> None:
    await exchange.answer(await exchange.forward(exchange.request.corrupted()))


async def corrupt_reply(exchange: Exchange) -> None:
    await exchange.answer((await exchange.forward()).corrupted())


async def bad_gateway(exchange: Exchange) -> None:
    """A proxy's page instead of an answer."""
    await exchange.answer(made("502 Bad Gateway", body=b"<html><h1>Bad Gateway</h1></html>"))


async def captive_portal(exchange: Exchange) -> None:
    """Status 200, and a page that has nothing to do with us."""
    await exchange.answer(made("200 OK", body=b"<html><form action=/login>Room number?</form></html>"))


async def redirect(exchange: Exchange) -> None:
    """To a port of this machine where whoever follows is noticed."""
    await exchange.answer(made("302 Found", Location=exchange.trap_url))


def refused(status: str, code: str = "") -> Fault:
    """An answer of our own server, as far as the client can tell: it has the right X-Instance."""

    async def refuse(exchange: Exchange) -> None:
        body = b'{"code": "%s", "detail": "refused on purpose"}' % code.encode()
        await exchange.answer(made(status, "application/json", body, X_Instance=exchange.instance_id))

    return _named(refuse, f"refused_{status.split()[0]}")


def delay(seconds: float) -> Fault:
    """Everything happens, later; what comes on other connections overtakes it."""

    async def delayed(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await passed_on(exchange)

    return _named(delayed, "delay")


def late(seconds: float) -> Fault:
    """Lost for the client, and yet it reaches the server after `seconds`, when the client has asked again."""

    async def come_late(exchange: Exchange) -> None:
        exchange.forward_later(seconds)
        exchange.hang_up()

    return _named(come_late, "late")


def drip(bytes_per_second: float) -> Fault:
    """The answer comes a few bytes at a time."""

    async def dripped(exchange: Exchange) -> None:
        await exchange.answer(await exchange.forward(), bytes_per_second)

    return _named(dripped, "drip")


def _named(fault: Fault, name: str) -> Fault:
    fault.__name__ = name  # type: ignore[attr-defined]
    return fault
