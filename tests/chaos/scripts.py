"""Scripts that leave proof of what happened: each execution makes a witness and keeps a copy of all it wrote.

Files in the folder given as $WITNESS: <task>-<attempt>.began (made exclusively: a second execution of the same attempt
leaves <task>-<attempt>.again), .wrote and, of scripts with a pulse, .pulse. A member of a gang adds its rank.
"""

from dataclasses import dataclass
from pathlib import Path

BEGIN = """
me=$WITNESS/$TASK_ID-$TASK_ATTEMPT${NIGHTSHIFT_RANK:+-$NIGHTSHIFT_RANK}
( set -C; echo $$ > "$me.began" ) 2>/dev/null || echo $$ >> "$me.again"
say() { printf '%s\\n' "$*" >> "$me.wrote"; printf '%s\\n' "$*"; }
"""


def counting(lines: int, code: int = 0, pause: float = 0.05) -> str:
    """A line every `pause` seconds."""
    return f"{BEGIN}for i in $(seq 1 {lines}); do say line $i; sleep {pause}; done\nsay end; exit {code}\n"


def counting_again(lines: int) -> str:
    """Fails at its first attempt, succeeds at any other."""
    return f"{BEGIN}for i in $(seq 1 {lines}); do say line $i; done\n[ $TASK_ATTEMPT -gt 1 ]\n"


def until_told(code: int = 0) -> str:
    """Counts until a file <task>.go lies in the folder."""
    loop = 'while [ ! -e "$WITNESS/$TASK_ID.go" ]; do say line $((i+=1)); sleep 0.1; done'
    return f"{BEGIN}i=0\n{loop}\nsay end; exit {code}\n"


def tell(folder: Path, task_id: int) -> None:
    """Whichever attempt it is that runs."""
    (folder / f"{task_id}.go").touch()


def pulsing(beats: int, code: int = 0, pause: float = 0.1) -> str:
    """Notes the time of this machine's one clock at each line, for `interval`."""
    pulse = 'printf "%s\\n" $EPOCHREALTIME >> "$me.pulse"'
    return f"{BEGIN}for i in $(seq 1 {beats}); do {pulse}; say line $i; sleep {pause}; done\n{pulse}; exit {code}\n"


def chatty(lines: int, code: int = 0) -> str:
    """About 100 bytes a line, as fast as it goes: reported in larger pieces."""
    return f'{BEGIN}seq -f "%090g" {lines} | tee -a "$me.wrote"\nexit {code}\n'


@dataclass(frozen=True)
class Witness:
    """What one script left in the folder: of an attempt, or of a member of a gang (`rank`)."""

    folder: Path
    task_id: int
    attempt_no: int = 1
    rank: int | None = None

    def _file(self, kind: str) -> Path:
        member = "" if self.rank is None else f"-{self.rank}"
        return self.folder / f"{self.task_id}-{self.attempt_no}{member}.{kind}"

    def wrote(self) -> bytes:
        """By its own copy; nothing when it ended before its first word."""
        return self._file("wrote").read_bytes() if self._file("wrote").exists() else b""

    def executions(self) -> int:
        again = self._file("again")
        more = len(again.read_text().splitlines()) if again.exists() else 0
        return int(self._file("began").exists()) + more

    def interval(self) -> tuple[float, float] | None:
        """From its first sign of life to its last; None when it gave none."""
        if not self._file("pulse").exists():
            return None
        moments = [float(line) for line in self._file("pulse").read_text().splitlines()]
        return (moments[0], moments[-1]) if moments else None
