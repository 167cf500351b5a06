"""The list of verbs, and how words are sorted before parsing. Imports a verb only when it is used."""

import difflib
import importlib
from collections.abc import Sequence
from typing import NamedTuple

from agent_client.cli.errors import UsageError
from agent_client.cli.parsing import VerbParser, add_connection_arguments, add_json_argument


class Verb(NamedTuple):
    """`connects`: the verb talks to the server as a user and takes the flags for that."""

    name: str
    module: str
    summary: str
    aliases: tuple[str, ...] = ()
    connects: bool = True
    is_hidden: bool = False


VERBS = (
    Verb("submit", "submit", "submit a script; prints the task's id", ("add",)),
    Verb("ls", "listing", "list tasks (also without any verb)", ("list", "squeue")),
    Verb("show", "show", "show one task"),
    Verb("why", "why", "say why a task waits and when it is expected to start"),
    Verb("logs", "logs", "print the output of a task, or follow it", ("log",)),
    Verb("cancel", "cancel", "cancel tasks", ("kill", "scancel")),
    Verb("hold", "hold", "keep tasks from starting until they are released"),
    Verb("wait", "wait", "wait until tasks have ended; exits like the task"),
    Verb("hosts", "hosts", "list hosts and what runs on them", ("agents", "sinfo")),
    Verb("host", "host", "pause, resume, drain, stop or remove a host; release what is kept"),
    Verb("reserve", "reserve", "reserve part of a host until a moment; prints the reservation's id"),
    Verb("reservations", "reservations", "list reservations"),
    Verb("release", "release", "give reservations back; with --task, let held tasks go"),
    Verb("templates", "templates", "list script templates"),
    Verb("login", "login", "store the token of a server", connects=False),
    Verb("agent", "agent", "run a main agent on this host", connects=False),
    Verb("profile-add", "profile_add", "store a profile for a server that starts", connects=False, is_hidden=True),
)
BARE_VERB = "ls"
GLOBAL_FLAGS_WITH_VALUE = ("--server", "--token-file")


def find(word: str) -> Verb:
    for verb in VERBS:
        if word == verb.name or word in verb.aliases:
            return verb
    known = [verb.name for verb in VERBS if not verb.is_hidden]
    near = difflib.get_close_matches(word, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"the verbs are {', '.join(known)}"
    raise UsageError(f"there is no verb {word!r}; {hint}")


def sorted_words(words: Sequence[str]) -> tuple[str, list[str]]:
    """(verb, its words): flags before the verb go behind it; without a verb, the list is meant."""
    leading: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-"):
        takes_value = rest[0] in GLOBAL_FLAGS_WITH_VALUE
        is_global = takes_value or rest[0].partition("=")[0] in (*GLOBAL_FLAGS_WITH_VALUE, "--json")
        if not is_global:
            return BARE_VERB, [*leading, *rest]
        leading += rest[: 1 + takes_value]
        rest = rest[1 + takes_value :]
    return (rest[0], [*leading, *rest[1:]]) if rest else (BARE_VERB, leading)


def parser_for(verb: Verb) -> VerbParser:
    module = importlib.import_module(f"agent_client.cli.{verb.module}")
    parser = VerbParser(prog=f"nightshift {verb.name}", description=module.__doc__)
    module.add_arguments(parser)
    if verb.connects:
        add_connection_arguments(parser)
    if verb.name != "agent":
        add_json_argument(parser)
    return parser


def overview() -> str:
    """The text of `nightshift --help`."""
    width = max(len(verb.name) for verb in VERBS)
    listed = [f"  {verb.name:<{width}}  {verb.summary}" for verb in VERBS if not verb.is_hidden]
    return "\n".join(
        [
            "usage: nightshift [--server URL] [--token-file FILE] [--json] [verb] ...",
            "",
            "Submit scripts to Nightshift and see what became of them. Without a verb: the list of tasks.",
            "",
            *listed,
            "",
            "nightshift VERB --help says what a verb takes; nightshift --version prints the version.",
        ]
    )
