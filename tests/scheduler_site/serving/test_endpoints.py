import socket
from pathlib import Path

import pytest
from twisted.internet import endpoints as twisted_endpoints

from scheduler_site.address import Address
from scheduler_site.serving.endpoints import CannotListen, check_free, descriptions, quoted


def test_plain() -> None:
    found = descriptions(Address("127.0.0.1", 8000, 8001, False), None, None)
    assert found == ["tcp:port=8000:interface=127.0.0.1:backlog=2048"]


def test_colons_are_quoted_as_the_reader_of_the_string_expects() -> None:
    for value in ("::1", "/keys/a:b.pem", "back\\slash"):
        assert quoted(value) == twisted_endpoints.quoteStringArgument(value)


def test_with_tls_this_machine_has_a_plain_port_on_loopback() -> None:
    secured, plain = descriptions(Address("0.0.0.0", 8443, 8444, True), Path("/c.pem"), Path("/k.pem"))
    assert secured == "ssl:port=8443:interface=0.0.0.0:backlog=2048:privateKey=/k.pem:certKey=/c.pem"
    assert plain == "tcp:port=8444:interface=127.0.0.1:backlog=2048"


def test_a_taken_port_is_named_with_the_setting_to_change() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(CannotListen, match=rf"Port {port} on 127.0.0.1 is taken .* NIGHTSHIFT_PORT"):
            check_free(Address("127.0.0.1", port, port, False))


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(CannotListen, match="NIGHTSHIFT_HOST"):
        check_free(Address("192.0.2.1", 8000, 8001, False))
