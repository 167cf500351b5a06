"""Server addresses as people type them. Pure: opens no connection."""

from urllib.parse import urlsplit

from agent_client import pin
from agent_client.user_api_errors import LOOPBACK_HOSTS


def is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK_HOSTS


def normalised(text: str) -> str:
    """One spelling of each address: scheme, host in lower case, port unless it is the scheme's own, path prefix.

    Without a scheme, this machine is http and every other one https. Raises ValueError that names what is wrong.
    """
    text = text.strip()
    if "://" not in text:
        text = f"{'http' if is_loopback(f'http://{text}') else 'https'}://{text}"
    text, wanted_pin = pin.split(text)
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{text} is not the address of a server: it must begin with http:// or https://")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(f"{text} is not the address of a server: give scheme, host and port only")
    if parts.path.startswith("/enter/"):
        raise ValueError("this is a sign-in link for the browser; give only the part before /enter/")
    address = f"{parts.scheme}://{_host(text, parts.hostname)}{_port(text)}{parts.path.rstrip('/')}"
    return pin.joined(address, wanted_pin)


def _host(text: str, host: str | None) -> str:
    if not host or any(character.isspace() for character in host):
        raise ValueError(f"{text} names no host")
    return f"[{host}]" if ":" in host else host


def _port(text: str) -> str:
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{text} has a port that is not a number from 1 to 65535") from error
    own = {"http": 80, "https": 443}[parts.scheme]
    return "" if port in (None, own) else f":{port}"
