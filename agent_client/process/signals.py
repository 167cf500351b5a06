"""Sends signals to the process that was meant, never to a stranger who was given its pid."""

import os
import signal

from agent_client.process.proc import own_status, start_ticks

MUTABLE = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
ALL = -1


def send(pid: int, expected_start_ticks: int | None, number: signal.Signals) -> bool:
    """Signal one process. False when it is gone or its pid belongs to another one now.

    The pidfd is opened first and the start time compared after: from then on the kernel holds the identity.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if expected_start_ticks is not None and start_ticks(pid) != expected_start_ticks:
            return False
        signal.pidfd_send_signal(descriptor, number)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def changed() -> tuple[int, ...]:
    """Those that this process ignores or handles, by the kernel's word; all where it says nothing."""
    try:
        status = own_status()
        mask = int(status["SigIgn"], 16) | int(status["SigCgt"], 16)
    except (OSError, KeyError, ValueError):
        mask = ALL
    return tuple(int(number) for number in MUTABLE if mask >> (number - 1) & 1)


def send_to_group(group_id: int, number: signal.Signals) -> bool:
    """Signal a process group. Only for a leader that has not been waited for: its number cannot be reused till then."""
    try:
        os.killpg(group_id, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
