"""Settings of the main agent: each has a flag, an environment variable and a line in the README. Touches no file."""

import argparse
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from agent_client import offer, pin
from agent_client.offer import Offer, OfferError
from agent_client.system_log import LogFormat

Value = TypeVar("Value")


class ConfigError(Exception):
    """A setting is missing or wrong; the message names it."""


@dataclass(frozen=True)
class Option:
    name: str
    environment: str
    metavar: str
    help: str
    default: str = ""
    choices: tuple[str, ...] = ()
    is_list: bool = False

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


OPTIONS = (
    Option("server", "NIGHTSHIFT_AGENT_SERVER", "URL", "the server, such as http://127.0.0.1:8000"),
    Option("pin", "NIGHTSHIFT_AGENT_PIN", "SHA256", "the server's certificate, if its token does not say it"),
    Option(
        "token_file", "NIGHTSHIFT_AGENT_TOKEN_FILE", "FILE", "file with the enrolment token; for the first start only"
    ),
    Option("state_dir", "NIGHTSHIFT_AGENT_STATE_DIR", "DIR", "where the agent keeps its secret and its sub agents"),
    Option("name", "NIGHTSHIFT_AGENT_NAME", "NAME", "the name shown to people (default: the host's name)"),
    Option("zone", "NIGHTSHIFT_AGENT_ZONE", "ZONE", "where the host stands, such as a rack, room or region"),
    Option("address", "NIGHTSHIFT_AGENT_ADDRESS", "ADDR", "where other hosts reach this one (default: found out)"),
    Option(
        "capability",
        "NIGHTSHIFT_AGENT_CAPABILITY",
        "NAME[=VERSION]",
        "what this host can do, for tasks that require it; several with commas",
        is_list=True,
    ),
    Option(
        "resource",
        "NIGHTSHIFT_AGENT_RESOURCE",
        "NAME=COUNT",
        "what this host has a number of, such as licences; several with commas",
        is_list=True,
    ),
    Option("declare", "NIGHTSHIFT_AGENT_DECLARE", "FILE", "JSON or TOML file of a machine to pretend"),
    Option("gpus", "NIGHTSHIFT_GPUS", "auto|none", "none: offer no GPU of this host", "auto", ("auto", "none")),
    Option(
        "log_format", "NIGHTSHIFT_AGENT_LOG_FORMAT", "kv|json", "form of the log lines on stderr", "kv", ("kv", "json")
    ),
    Option(
        "min_free_disk_mib",
        "NIGHTSHIFT_AGENT_MIN_FREE_DISK_MIB",
        "MIB",
        "take no work while less is free on the disk of the state directory",
        "1024",
    ),
    Option(
        "spool_mib",
        "NIGHTSHIFT_AGENT_SPOOL_MIB",
        "MIB",
        "disk that the output of one script may take until the server has it",
        "2048",
    ),
    Option("spool_host_mib", "NIGHTSHIFT_AGENT_SPOOL_HOST_MIB", "MIB", "the same of all scripts together", "10240"),
    Option(
        "max_processes",
        "NIGHTSHIFT_AGENT_MAX_PROCESSES",
        "COUNT",
        "processes and threads that one script may have at a time; 0: no limit",
        "4096",
    ),
    Option(
        "enforce_memory",
        "NIGHTSHIFT_AGENT_ENFORCE_MEMORY",
        "yes|no",
        "yes: the kernel ends a script that takes more memory than its task asked for (needs a memory control group)",
        "no",
        ("yes", "no"),
    ),
)
TOKEN_ENVIRONMENT = "NIGHTSHIFT_AGENT_TOKEN"  # noqa: S105 (the variable's name); no flag: a command line is public


@dataclass(frozen=True)
class AgentConfig:
    """`server_url` is None when only the state directory can say it; `token` is the one of the environment."""

    server_url: str | None
    state_dir: Path
    name: str
    offer: Offer = field(default_factory=Offer)
    token_file: Path | None = None
    token: str | None = field(default=None, repr=False)
    declare: Path | None = None
    uses_gpus: bool = True
    log_format: LogFormat = "kv"
    min_free_disk_mib: int = 1024
    spool_mib: int = 2048
    spool_host_mib: int = 10240
    max_processes: int = 4096
    enforce_memory: bool = False


class Listed(argparse.Action):
    """A flag that is given several times says all of it."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None) -> None:
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, f"{before},{values}" if before else values)


def add_options(parser: argparse.ArgumentParser) -> None:
    for option in OPTIONS:
        default = f" (default {option.default})" if option.default else ""
        text = f"{option.help}{default} [{option.environment}]"
        action = Listed if option.is_list else "store"
        parser.add_argument(option.flag, metavar=option.metavar, help=text, action=action)


def read_config(flags: Mapping[str, str | None], environment: Mapping[str, str]) -> AgentConfig:
    """A flag wins over its environment variable; an empty value counts as not given."""
    given = {option.name: _value(option, flags, environment) for option in OPTIONS}
    server_url = _server_url(given["server"], given["pin"]) if given["server"] else None
    if server_url is None and not given["state_dir"]:
        raise ConfigError("which server? Say --server URL or set NIGHTSHIFT_AGENT_SERVER")
    return AgentConfig(
        server_url=server_url,
        state_dir=_state_dir(given["state_dir"], server_url, environment),
        name=given["name"] or socket.gethostname(),
        offer=_offer(given, flags),
        token_file=Path(given["token_file"]).expanduser() if given["token_file"] else None,
        token=environment.get(TOKEN_ENVIRONMENT) or None,
        declare=Path(given["declare"]).expanduser() if given["declare"] else None,
        uses_gpus=given["gpus"] != "none",
        log_format="json" if given["log_format"] == "json" else "kv",
        min_free_disk_mib=_whole(given["min_free_disk_mib"], "--min-free-disk-mib", "MiB"),
        spool_mib=_whole(given["spool_mib"], "--spool-mib", "MiB"),
        spool_host_mib=_whole(given["spool_host_mib"], "--spool-host-mib", "MiB"),
        max_processes=_whole(given["max_processes"], "--max-processes", "processes"),
        enforce_memory=given["enforce_memory"] == "yes",
    )


def _value(option: Option, flags: Mapping[str, str | None], environment: Mapping[str, str]) -> str:
    from_flag = flags.get(option.name)
    value = from_flag or environment.get(option.environment, "").strip() or option.default
    source = option.flag if from_flag else option.environment
    if option.choices and value not in option.choices:
        raise ConfigError(f"{source} must be one of {', '.join(option.choices)}, not {value!r}")
    if not value.isprintable():
        raise ConfigError(f"{source} must not hold control characters")
    return value


def _offer(given: Mapping[str, str], flags: Mapping[str, str | None]) -> Offer:
    def said(name: str, read: Callable[[Any], Value], value: Any) -> Value:
        option = next(option for option in OPTIONS if option.name == name)
        try:
            return read(value)
        except OfferError as error:
            raise ConfigError(f"{option.flag if flags.get(name) else option.environment} {error}") from None

    return Offer(
        address=said("address", offer.address, given["address"]),
        zone=given["zone"],
        capabilities=said("capability", offer.capabilities, _items(given["capability"])),
        resources=said("resource", offer.resources, _items(given["resource"])),
    )


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",")] if text else []


def _server_url(text: str, pin_text: str) -> str:
    try:
        parts = urlsplit(text)
        is_usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        is_usable = False
    if not is_usable or " " in text:
        raise ConfigError(f"--server must be a URL such as http://127.0.0.1:8000, not {text!r}")
    return _pinned(text.rstrip("/"), pin_text)


def _pinned(url: str, pin_text: str) -> str:
    try:
        return pin.joined(url, pin_text)
    except ValueError as error:
        raise ConfigError(f"--pin: {error}") from None


def _state_dir(given: str, server_url: str | None, environment: Mapping[str, str]) -> Path:
    if given:
        return Path(given).expanduser().resolve()
    base = environment.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    host = re.sub(r"[^A-Za-z0-9._-]", "_", urlsplit(server_url or "").netloc.rpartition("@")[2])
    return Path(base) / "nightshift" / host


def _whole(text: str, flag: str, unit: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ConfigError(f"{flag} must be a whole number of {unit}, not {text!r}")
    return int(text)
