"""Which address a request comes from, and whether it is let in: the matrix."""

import pytest

from scheduler_site.shared.addresses import Rule, address, is_let_in, network, origin

PROXIES = [network("10.0.0.1"), network("10.0.1.0/24"), network("127.0.0.1")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.7", [], "192.0.2.7"),
        ("192.0.2.7", ["10.9.9.9"], "192.0.2.7"),  # no proxy of ours: what it claims does not count
        ("10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["127.0.0.1, 192.0.2.7"], "192.0.2.7"),  # the client wrote the left one
        ("10.0.0.1", ["127.0.0.1", "192.0.2.7"], "192.0.2.7"),  # two headers are one list
        ("10.0.0.1", ["192.0.2.7, 10.0.1.5"], "192.0.2.7"),  # two proxies of ours
        ("10.0.0.1", ["198.51.100.1, 192.0.2.7, 10.0.1.5"], "192.0.2.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["10.0.1.5"], "10.0.1.5"),
        ("::ffff:10.0.0.1", ["::ffff:192.0.2.7"], "192.0.2.7"),
        ("::ffff:192.0.2.7", [], "192.0.2.7"),
        ("fe80::1%eth0", [], "fe80::1"),
        ("10.0.0.1", ["2001:db8::7"], "2001:db8::7"),
        ("10.0.0.1", ["unknown"], None),
        ("10.0.0.1", ["192.0.2.7, "], None),
        ("10.0.0.1", ["192.0.2.7:4711"], None),
        ("", [], None),
        ("unix", ["192.0.2.7"], None),
    ],
)
def test_whose_request_it_is(peer: str, forwarded: list[str], expected: str | None) -> None:
    assert origin(peer, forwarded, PROXIES) == (None if expected is None else address(expected))


def rule(verdict: str, text: str, audience: str = "everybody") -> Rule:
    return Rule(network(text), verdict, audience)


@pytest.mark.parametrize(
    ("rules", "one", "audience", "expected"),
    [
        ([], "192.0.2.7", "people", True),
        ([rule("deny", "192.0.2.0/24")], "192.0.2.7", "people", False),
        ([rule("deny", "192.0.2.0/24")], "198.51.100.1", "people", True),
        ([rule("allow", "192.0.2.0/24")], "192.0.2.7", "people", True),
        ([rule("allow", "192.0.2.0/24")], "198.51.100.1", "people", False),
        ([rule("allow", "192.0.2.0/24"), rule("deny", "192.0.2.7")], "192.0.2.7", "people", False),
        ([rule("deny", "192.0.2.0/24"), rule("allow", "192.0.2.7")], "192.0.2.7", "people", False),
        ([rule("deny", "0.0.0.0/0")], "127.0.0.1", "people", True),
        ([rule("deny", "::/0")], "::1", "people", True),
        ([rule("allow", "10.0.0.0/8")], "127.8.8.8", "agents", True),
        ([rule("deny", "192.0.2.0/24", "agents")], "192.0.2.7", "people", True),
        ([rule("deny", "192.0.2.0/24", "agents")], "192.0.2.7", "agents", False),
        ([rule("allow", "10.0.0.0/8", "people")], "192.0.2.7", "agents", True),
        ([rule("deny", "::ffff:192.0.2.0/120")], "192.0.2.7", "people", False),
        ([rule("deny", "192.0.2.0/24")], "::ffff:192.0.2.7", "people", False),
        ([rule("deny", "0.0.0.0/0")], "2001:db8::7", "people", True),
        ([rule("deny", "2001:db8::/32")], "2001:db8::7", "people", False),
        ([rule("deny", "192.0.2.0/24")], None, "people", False),
        ([], None, "people", True),
    ],
)
def test_who_is_let_in(rules: list[Rule], one: str | None, audience: str, expected: bool) -> None:
    assert is_let_in(rules, None if one is None else address(one), audience) == expected


@pytest.mark.parametrize("text", ["", "x", "10.0.0.0/33", "10.0.0", "1.2.3.4-5", "*"])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(ValueError, match="network"):
        network(text)
