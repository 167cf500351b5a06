"""When the next report of a sub agent is due. Pure."""

from agent_client.sub_agent.delivery import Outcome

WATCHED_SECONDS = 0.2
FIRST_PATIENCE_SECONDS = 0.05  # a script of a few milliseconds is told in one report: start, output and result
FINISH_PATIENCE_SECONDS = 0.5  # while the result is written down


def due_at(began_at: float, ended_at: float, outcome: Outcome, has_news: bool, is_urgent: bool) -> float:
    """The earliest time of the next step, given when the last one began and ended and what it brought."""
    if outcome.failure:
        return ended_at + outcome.next_in_seconds
    if is_urgent or outcome.next_in_seconds == 0:
        return ended_at
    if has_news:
        return began_at + (WATCHED_SECONDS if outcome.is_watched else outcome.next_in_seconds)
    return began_at + outcome.next_in_seconds
