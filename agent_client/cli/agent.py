"""Offer this host to a server: run its main agent in the foreground, until Ctrl-C. Scripts that run then run on."""

import argparse
import os
import socket
import sys

from agent_client.agent_config import TOKEN_ENVIRONMENT, ConfigError, add_options, read_config
from agent_client.system_log import set_up


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Exit status: 0 stopped, 1 failed, 2 wrong settings, 3 state directory in use, 4 enrolment refused."""
    try:
        config = read_config(vars(arguments), os.environ)
    except ConfigError as error:
        print(f"nightshift agent: {error}", file=sys.stderr)
        return 2
    os.environ.pop(TOKEN_ENVIRONMENT, None)  # scripts inherit the environment
    set_up(config.log_format, socket.gethostname())
    from agent_client.main_agent.start import start  # here: other verbs need not load an agent

    return start(config)
