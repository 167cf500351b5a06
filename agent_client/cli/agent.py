"""Offer this host to a server: run its main agent in the foreground, until Ctrl-C. Scripts that run then run on.

`nightshift agent stop` ends the one that holds the state directory; --drain and --kill say what becomes of its scripts.
"""

import argparse
import os
import socket
import sys

from agent_client.agent_config import TOKEN_ENVIRONMENT, AgentConfig, ConfigError, add_options, read_config
from agent_client.system_log import set_up


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("command", nargs="?", choices=("stop",), help="stop: end the main agent that runs on this host")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--leave", dest="how", action="store_const", const="leave", help="stop: scripts run on (default)")
    how.add_argument("--drain", dest="how", action="store_const", const="drain", help="stop: once no script runs here")
    how.add_argument("--kill", dest="how", action="store_const", const="kill", help="stop: kill the scripts first")
    add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Exit status: 0 stopped, 1 failed, 2 wrong settings, 3 state directory in use, 4 enrolment refused."""
    try:
        config = read_config(vars(arguments), os.environ)
    except ConfigError as error:
        print(f"nightshift agent: {error}", file=sys.stderr)
        return 2
    if arguments.command or arguments.how:
        return _stop(arguments, config)
    os.environ.pop(TOKEN_ENVIRONMENT, None)  # scripts inherit the environment
    set_up(config.log_format, socket.gethostname())
    from agent_client.main_agent.start import start  # here: other verbs need not load an agent

    return start(config)


def _stop(arguments: argparse.Namespace, config: AgentConfig) -> int:
    if arguments.command is None:
        print(f"nightshift agent: --{arguments.how} goes with `nightshift agent stop`", file=sys.stderr)
        return 2
    from agent_client.main_agent.state_dir import StateDirError  # here, as above
    from agent_client.main_agent.stop import stop

    try:
        sentence = stop(config.state_dir, arguments.how or "leave")
    except StateDirError as error:
        print(f"nightshift agent: {error}", file=sys.stderr)
        return 1
    print(f"nightshift agent: {sentence or f'no main agent is using {config.state_dir}'}", file=sys.stderr)
    return 0 if sentence else 1
