"""One turn of the flush loop: figures that came in the last second go to the database. State never goes this way."""

from agents import readings
from tasks.reporting import gpu_use, usage

INTERVAL_SECONDS = 1.0


def flush_turn() -> float:
    """Returns the seconds to wait before the next turn."""
    readings.flush()
    usage.flush()
    gpu_use.flush()
    return INTERVAL_SECONDS
