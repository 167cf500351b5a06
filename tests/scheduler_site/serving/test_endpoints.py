import socket
from pathlib import Path

import pytest
from twisted.internet import endpoints as twisted_endpoints

from scheduler_site.address import Address
from scheduler_site.serving.endpoints import CannotListen, check_free, check_inherited, descriptions, quoted


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


def test_an_inherited_socket_must_be_one_and_on_loopback() -> None:
    check_inherited(0, False)
    with socket.socket() as closed, closed.dup() as shared, socket.socket() as open_to_all:
        shared.bind(("127.0.0.1", 0))
        check_inherited(shared.fileno(), False)
        assert shared.getsockname()[1]  # looking has not closed it
        open_to_all.bind(("0.0.0.0", 0))
        with pytest.raises(CannotListen, match="loopback"):
            check_inherited(open_to_all.fileno(), False)
        check_inherited(open_to_all.fileno(), True)
    with pytest.raises(CannotListen, match="NIGHTSHIFT_LISTEN_FD is 60000, which is no socket"):
        check_inherited(60000, False)
    with Path("/dev/null").open() as file, pytest.raises(CannotListen, match="no socket"):
        check_inherited(file.fileno(), False)
