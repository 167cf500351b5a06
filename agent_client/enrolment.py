"""Who this agent is to its server: registers once with an enrolment token and keeps the secret in agent.json.

Does not open sessions and does not decide when to try again (see `enrol`'s `pause`).
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent_client import enrolment_token, pin, wire
from agent_client.agent_config import AgentConfig
from agent_client.atomic import Unreadable, read_json, write_json
from agent_client.enrolment_token import EnrolmentToken
from agent_client.http import AgentHttp, NetworkFailure, ProtocolError
from agent_client.main_agent.state_dir import StateDirError, require_private_file
from agent_client.probes.machine import machine_id
from agent_client.retry import FINAL, Backoff, classify
from agent_client.system_log import EventLog
from agent_client.version import PROTOCOL_VERSION, VERSION

PREVIOUS = "previous_secret"
PROTOCOLS: wire.ProtocolRange = {"min": PROTOCOL_VERSION, "max": PROTOCOL_VERSION}


class EnrolmentRefused(Exception):
    """This agent cannot become known to the server without a person's help; the message says what to do."""


@dataclass(frozen=True)
class Identity:
    """What agent.json holds. `previous_secret`: the one before a rotation, empty when there was none."""

    server_url: str
    agent_id: str
    agent_secret: str = field(repr=False)
    name: str
    instance_id: str
    previous_secret: str = field(default="", repr=False)

    @property
    def credential(self) -> str:
        return f"Agent {self.agent_id}:{self.agent_secret}"

    def with_secret(self, secret: str) -> "Identity":
        return replace(self, agent_secret=secret, previous_secret=self.agent_secret)

    def with_the_other_first(self) -> "Identity":
        return self.with_secret(self.previous_secret)

    def http(self) -> AgentHttp:
        """A connection that only takes answers of the server that enrolled this agent."""
        return AgentHttp(self.server_url, self.credential, self.instance_id)


def load_identity(state_dir: Path) -> Identity | None:
    """The identity of an earlier start; None at the first."""
    path = state_dir / "agent.json"
    try:
        values = read_json(path)
        if values is None:
            return None
        require_private_file(path)
        wanted = {name: _text(path, values, name) for name in Identity.__dataclass_fields__ if name != PREVIOUS}
        return Identity(**wanted, previous_secret=_text(path, values, PREVIOUS) if values.get(PREVIOUS) else "")
    except Unreadable as error:
        raise StateDirError(f"{error}; remove it and enrol this agent again") from error


def save_identity(state_dir: Path, identity: Identity) -> None:
    values = {name: getattr(identity, name) for name in Identity.__dataclass_fields__}
    write_json(state_dir / "agent.json", values, mode=0o600)


def _text(path: Path, values: dict[str, object], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value:
        raise Unreadable(path, f"{name} is missing")
    return value


def known_identity(config: AgentConfig) -> Identity | None:
    """The identity of an earlier start, at the address given now: a server may move, its database is what counts."""
    identity = load_identity(config.state_dir)
    if identity is None or config.server_url in (None, identity.server_url):
        return identity
    return replace(identity, server_url=pin.kept(str(config.server_url), identity.server_url))


def read_token(config: AgentConfig) -> EnrolmentToken:
    """The enrolment token from the environment or the token file."""
    if config.token:
        return _checked_token(config.token, "NIGHTSHIFT_AGENT_TOKEN")
    if config.token_file is None:
        raise EnrolmentRefused(
            f"this host is not enrolled yet ({config.state_dir} holds no agent.json): say --token-file FILE or set "
            "NIGHTSHIFT_AGENT_TOKEN"
        )
    try:
        text = config.token_file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise EnrolmentRefused(f"cannot read the token file {config.token_file}: {error.strerror}") from error
    return _checked_token(text, str(config.token_file))


def _checked_token(text: str, source: str) -> EnrolmentToken:
    token = text.strip()
    if not token:
        raise EnrolmentRefused(f"{source} holds no token")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise EnrolmentRefused(f"{source} does not hold an enrolment token (one word of letters and digits)")
    try:
        return enrolment_token.read(token)
    except ValueError as error:
        raise EnrolmentRefused(f"the enrolment token of {source} {error}") from error


def enrol(config: AgentConfig, log: EventLog, pause: Callable[[float], None]) -> Identity:
    """Register for as long as it takes the server to answer, then keep the secret. Raises EnrolmentRefused."""
    token, backoff = read_token(config), Backoff()
    server_url = _server_of(config, token)
    http = AgentHttp(server_url, None)
    while True:
        try:
            reply = http.register(token.secret, _register_request(config))
        except (NetworkFailure, ProtocolError) as error:
            _raise_if_refused(error, config)
            log.warning("server_unreachable", detail=f"{error}; trying again")
            pause(backoff.after(error))
            continue
        finally:
            http.close()
        identity = _identity(server_url, reply)
        save_identity(config.state_dir, identity)
        log.info("enrolled", agent_id=identity.agent_id, name=identity.name, server=identity.server_url)
        return identity


def _server_of(config: AgentConfig, token: EnrolmentToken) -> str:
    """The address given, else the token's; in both cases with the token's pin."""
    if config.server_url:
        return pin.kept(config.server_url, token.server_url)
    if token.server_url:
        return token.server_url
    raise EnrolmentRefused("which server? Say --server URL or set NIGHTSHIFT_AGENT_SERVER")


def _identity(server_url: str, reply: wire.RegisterReply) -> Identity:
    return Identity(server_url, reply["agent_id"], reply["agent_secret"], reply["name"], reply["instance_id"])


def _register_request(config: AgentConfig) -> wire.RegisterRequest:
    return {
        "name": config.name,
        "hostname": socket.gethostname(),
        "machine_id": machine_id(),
        "agent_version": VERSION,
        "proto": PROTOCOLS,
    }


def _raise_if_refused(error: NetworkFailure | ProtocolError, config: AgentConfig) -> None:
    """A coded answer about the token or the request will be the same next time: only a person can help."""
    if not isinstance(error, ProtocolError):
        return
    if error.status in (401, 403):
        source = "NIGHTSHIFT_AGENT_TOKEN" if config.token else str(config.token_file)
        raise EnrolmentRefused(f"{config.server_url} refuses the enrolment token of {source}: {error.detail}")
    if classify(error) is FINAL:
        raise EnrolmentRefused(f"{config.server_url} refuses to enrol this host: {error.detail}")
