"""Who this host is: boot id, machine id, names and versions. Nothing here changes while the agent runs."""

import getpass
import hashlib
import os
import platform
import socket
import sys
import uuid
from pathlib import Path

from agent_client.probes.text import read_text

MACHINE_ID_FILES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
PRODUCT_UUID = Path("/sys/class/dmi/id/product_uuid")


def machine_id() -> str:
    """A digest that tells a cloned state directory from the original; says nothing about the machine."""
    parts = [text for path in (*MACHINE_ID_FILES, PRODUCT_UUID) if (text := read_text(path))]
    known = parts or [socket.gethostname(), f"{uuid.getnode():x}"]
    return hashlib.sha256("|".join(["nightshift", *known]).encode()).hexdigest()


def host_facts(started_at: str) -> dict[str, str]:
    """The `host` part of a session."""
    return {
        "hostname": socket.gethostname(),
        "os": f"{_distribution()} ({platform.system()} {platform.release()})",
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "user": _user_name(),
        "started_at": started_at,
    }


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        return str(os.getuid())
