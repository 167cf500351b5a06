"""Runs the main agent and turns every way to end into one sentence and an exit status."""

import os
import sys

from agent_client.agent_config import AgentConfig
from agent_client.enrolment import EnrolmentRefused
from agent_client.main_agent import loops
from agent_client.main_agent.run import run
from agent_client.main_agent.state_dir import StateDirError, StateDirInUse
from agent_client.probes.declaration_file import DeclarationError


def start(config: AgentConfig) -> int:
    """Never returns once the agent has run: its threads are left as they are, like in a crash, which is safe."""
    try:
        farewell = run(config)
    except StateDirInUse as error:
        return _refuse(loops.EXIT_IN_USE, error)
    except EnrolmentRefused as error:
        return _refuse(loops.EXIT_NOT_ENROLLED, error)
    except (StateDirError, DeclarationError) as error:
        return _refuse(loops.EXIT_USAGE, error)
    _say(farewell.sentence)
    sys.stdout.flush()
    os._exit(farewell.exit_code)


def _refuse(exit_code: int, error: Exception) -> int:
    _say(str(error))
    return exit_code


def _say(sentence: str) -> None:
    sys.stderr.write(f"nightshift agent: {sentence}\n")
    sys.stderr.flush()
