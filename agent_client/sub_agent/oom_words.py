"""Recognises, in the end of a failed script's output, that memory ran out, and whose: a GPU's or the host's. Pure.

Cautious: only the messages of known programs count, and only when nothing else has failed after them. A script that
mentions memory and then fails for another reason is not taken for one that ran out of it.
"""

import re
from dataclasses import dataclass
from typing import Literal

TAIL_BYTES = 8192
MOST_LINES_AFTER = 40  # a launcher's summary of what its processes did
LONGEST_EVIDENCE = 200

Kind = Literal["gpu", "host"]

_GPU = re.compile(
    r"(torch\.|cupy\.)\S*OutOfMemoryError"
    r"|(CUDA|HIP|XPU) out of memory\. Tried to allocate"
    r"|(CUDA|HIP) error: out of memory"
    r"|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation|hipErrorOutOfMemory|CUBLAS_STATUS_ALLOC_FAILED"
    r"|RESOURCE_EXHAUSTED: (Out of memory|Failed to allocate)"
    r"|ResourceExhaustedError|OOM when allocating tensor"
)
_HOST = re.compile(
    r"^([\w.]+\.)?_?\w*MemoryError\b"
    r"|std::bad_alloc"
    r"|DefaultCPUAllocator: .*memory"
    r"|java\.lang\.OutOfMemoryError"
)
_KILLED = re.compile(r"(^|[\s:])Killed(\s|$)")
_OTHER_END = re.compile(r"^(?:[\w.]+\.)?\w*(?:Error|Exception|Interrupt)\b")
_LAUNCHERS = ("ChildFailedError", "CalledProcessError", "ProcessRaisedException", "ProcessExitedException")
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Shortage:
    """`evidence`: the line that says so."""

    kind: Kind
    evidence: str


def find(tail: bytes) -> Shortage | None:
    """What the last lines of the output say; None when they say nothing of memory, or something else failed later."""
    lines = _lines(tail)
    for after, line in enumerate(reversed(lines)):
        if after > MOST_LINES_AFTER:
            return None
        if _GPU.search(line):
            return Shortage("gpu", line[:LONGEST_EVIDENCE])
        if _HOST.search(line):
            return Shortage("host", line[:LONGEST_EVIDENCE])
        if _OTHER_END.match(line) and not any(name in line for name in _LAUNCHERS):
            return None
    return None


def says_killed(tail: bytes) -> bool:
    """The last line is the shell's word that its program got KILL: by the kernel for memory, or by anybody."""
    lines = _lines(tail)
    return bool(lines) and _KILLED.search(lines[-1]) is not None


def _lines(tail: bytes) -> list[str]:
    text = _CONTROL.sub("", tail[-TAIL_BYTES:].decode(errors="replace"))
    return [line.strip() for line in text.splitlines() if line.strip()]
