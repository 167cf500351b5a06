"""What people should know of the hosts at once, as sentences for the overview. Changes nothing."""

from agents import breaker


def sentences() -> list[str]:
    return [sentence for sentence in (breaker.alarm(),) if sentence]
