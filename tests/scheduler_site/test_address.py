import pytest
from django.core.exceptions import ImproperlyConfigured

from scheduler_site.address import Address, allowed_hosts, is_loopback, refuse_open_plain_text


def address(host: str, has_tls: bool = False) -> Address:
    return Address(host, 8000, 8001, has_tls)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)
    refuse_open_plain_text(address(host), is_insecure=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "gpu-1"])
def test_other_machines_need_tls_or_a_clear_word(host: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"NIGHTSHIFT_TLS_CERT.*NIGHTSHIFT_INSECURE=1"):
        refuse_open_plain_text(address(host), is_insecure=False)
    refuse_open_plain_text(address(host), is_insecure=True)
    refuse_open_plain_text(address(host, has_tls=True), is_insecure=False)


def test_urls() -> None:
    assert address("127.0.0.1").local_url == address("127.0.0.1").public_url == "http://127.0.0.1:8000"
    assert address("::1").local_url == "http://[::1]:8000"
    assert address("0.0.0.0").local_url == "http://127.0.0.1:8000"
    assert address("192.168.1.5").local_url == "http://192.168.1.5:8000"
    assert address("192.168.1.5", has_tls=True).local_url == "http://127.0.0.1:8001"
    assert address("192.168.1.5", has_tls=True).public_url == "https://192.168.1.5:8000"


def test_loopback_answers_to_no_foreign_name() -> None:
    assert allowed_hosts(address("127.0.0.1"), []) == ["127.0.0.1", "[::1]", "localhost"]


def test_named_hosts_are_added_in_small_letters() -> None:
    assert "lab.example" in allowed_hosts(address("192.168.1.5"), ["Lab.Example"])
    assert "192.168.1.5" in allowed_hosts(address("192.168.1.5"), [])


def test_everywhere_means_this_machine_s_own_names_and_not_every_name() -> None:
    hosts = allowed_hosts(address("0.0.0.0"), [])
    assert "127.0.0.1" in hosts
    assert "*" not in hosts
