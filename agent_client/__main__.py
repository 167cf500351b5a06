"""`python -m agent_client`: sub agents and the zygote, started by the main agent; everything else is the command line.

Imports only what the chosen part needs: a sub agent must start fast.
"""

import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    match arguments:
        case ["sub-agent", directory]:
            from agent_client.zygote import slow_path

            return slow_path(Path(directory))
        case ["zygote", descriptor] if descriptor.isdigit():
            from agent_client.zygote import main as serve

            return serve(int(descriptor))
    from agent_client.cli.main import run

    return run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
