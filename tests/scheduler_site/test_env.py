from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from scheduler_site import env


@pytest.mark.parametrize("raw", ["eight", "0", "65536", "-1", "80.5"])
def test_a_wrong_number_names_the_variable_and_the_range(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("NIGHTSHIFT_PORT", raw)
    with pytest.raises(ImproperlyConfigured, match=r"NIGHTSHIFT_PORT is '.*'; it must be a whole number between 1 and"):
        env.integer("PORT", 8000, 1, 65535)


@pytest.mark.parametrize(("raw", "value"), [("0.5", 0.5), ("3", 3.0), ("", 30.0)])
def test_spans_of_time(monkeypatch: pytest.MonkeyPatch, raw: str, value: float) -> None:
    monkeypatch.setenv("NIGHTSHIFT_UNREACHABLE_SECONDS", raw)
    assert env.seconds("UNREACHABLE_SECONDS", 30.0) == value


@pytest.mark.parametrize("raw", ["0", "-1", "soon", "nan", "inf", "1e12"])
def test_a_wrong_span_of_time_is_refused(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("NIGHTSHIFT_UNREACHABLE_SECONDS", raw)
    with pytest.raises(ImproperlyConfigured, match=r"NIGHTSHIFT_UNREACHABLE_SECONDS .* a number of seconds above 0"):
        env.seconds("UNREACHABLE_SECONDS", 30.0)


def test_an_empty_value_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "DEBUG", "HOST", "DATABASE_URL"):
        monkeypatch.setenv(f"NIGHTSHIFT_{name}", "")
    assert env.integer("PORT", 8000, 1, 65535) == 8000
    assert env.boolean("DEBUG", True) is True
    assert env.host("HOST", "127.0.0.1") == "127.0.0.1"
    assert env.database("DATABASE_URL", "sqlite:////tmp/x")["NAME"] == "/tmp/x"


@pytest.mark.parametrize(("raw", "value"), [("1", True), ("Yes", True), ("off", False), ("0", False)])
def test_booleans(monkeypatch: pytest.MonkeyPatch, raw: str, value: bool) -> None:
    monkeypatch.setenv("NIGHTSHIFT_DEBUG", raw)
    assert env.boolean("DEBUG", not value) is value


def test_a_wrong_boolean_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_DEBUG", "maybe")
    with pytest.raises(ImproperlyConfigured, match="must be 1 or 0"):
        env.boolean("DEBUG", False)


@pytest.mark.parametrize("raw", ["http://x", "a b", "127.0.0.1:80", "/tmp"])
def test_a_wrong_host_is_refused(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("NIGHTSHIFT_HOST", raw)
    with pytest.raises(ImproperlyConfigured, match="NIGHTSHIFT_HOST"):
        env.host("HOST", "127.0.0.1")


@pytest.mark.parametrize("raw", ["0.0.0.0", "::1", "[::]", "gpu-1.lab.example", "192.168.1.5"])
def test_hosts_that_may_be_listened_on(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("NIGHTSHIFT_HOST", raw)
    assert env.host("HOST", "127.0.0.1") == raw.strip("[]")


def test_all_hosts_cannot_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_ALLOWED_HOSTS", "lab.example, *")
    with pytest.raises(ImproperlyConfigured, match=r"\* is not allowed"):
        env.hosts("ALLOWED_HOSTS")


@pytest.mark.parametrize(
    "raw", ["mysql://root@db/x", "nonsense", "postgres://me:hunter2@db:notaport/x", "sqlite://", "sqlite:///x"]
)
def test_a_wrong_database_is_refused_without_its_password(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("NIGHTSHIFT_DATABASE_URL", raw)
    with pytest.raises(ImproperlyConfigured, match="NIGHTSHIFT_DATABASE_URL") as caught:
        env.database("DATABASE_URL", "")
    assert "hunter2" not in str(caught.value)


def test_a_data_folder_that_is_a_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NIGHTSHIFT_DATA_DIR", str(tmp_path / "file"))
    with pytest.raises(ImproperlyConfigured, match="must be a folder"):
        env.folder("DATA_DIR", tmp_path)


def test_a_missing_certificate_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NIGHTSHIFT_TLS_CERT", str(tmp_path / "none.pem"))
    with pytest.raises(ImproperlyConfigured, match="NIGHTSHIFT_TLS_CERT"):
        env.file("TLS_CERT")


@pytest.mark.parametrize(
    ("url", "host", "origin"),
    [
        ("https://lab.example", "lab.example", "https://lab.example"),
        ("https://lab.example:8443/", "lab.example", "https://lab.example:8443"),
        ("http://[::1]:8000", "[::1]", "http://[::1]:8000"),
    ],
)
def test_host_and_origin_of_a_url(url: str, host: str, origin: str) -> None:
    assert env.host_of(url) == host
    assert env.origin_of(url) == origin


@pytest.mark.parametrize("raw", ["../server.log", "a/b", ".hidden", "a b", "/var/log/x"])
def test_a_file_name_is_no_path(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SERVER_LOG", raw)
    with pytest.raises(ImproperlyConfigured, match="NIGHTSHIFT_SERVER_LOG"):
        env.file_name("SERVER_LOG", "server.log")


@pytest.mark.parametrize(
    ("address", "port"), [("https://n.example", 443), ("http://n.example", 80), ("http://127.0.0.1:8000", 8000)]
)
def test_the_port_that_people_use(address: str, port: int) -> None:
    assert env.port_of(address) == port
