"""List script templates and the resources they ask for."""

import argparse

from agent_client.cli import table
from agent_client.cli.connection import connect
from agent_client.cli.output import note, print_json, screen_width
from agent_client.cli.show import resources
from agent_client.cli.terminal import one_line
from agent_client.user_api import Json

HEADERS = ("NAME", "RESOURCES", "DESCRIPTION")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", "--name", metavar="TEXT", help="part of the name")


def run(arguments: argparse.Namespace) -> int:
    filters = {"name": arguments.name} if arguments.name else {}
    templates = connect(arguments).templates(**filters)
    if arguments.json:
        print_json(templates)
    elif not templates:
        note("no template")
    else:
        print("\n".join(table.lines(HEADERS, [_row(template) for template in templates], screen_width())))
    return 0


def _row(template: Json) -> list[str]:
    first_line = (template.get("description") or "").partition("\n")[0]
    return [one_line(cell) for cell in (template["name"], resources(template), first_line)]
