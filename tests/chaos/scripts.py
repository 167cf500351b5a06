"""Scripts that leave proof of what happened: each execution makes a witness and keeps a copy of all it wrote.

Files in the folder given as $WITNESS: <task>-<attempt>.began (made exclusively: a second execution of the same attempt
leaves <task>-<attempt>.again) and <task>-<attempt>.wrote.
"""

from pathlib import Path

BEGIN = """
me=$WITNESS/$TASK_ID-$TASK_ATTEMPT
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
    """Counts until a file <task>-<attempt>.go lies in the folder."""
    return f'{BEGIN}i=0\nwhile [ ! -e "$me.go" ]; do say line $((i+=1)); sleep 0.1; done\nsay end; exit {code}\n'


def tell(folder: Path, task_id: int, attempt_no: int = 1) -> None:
    (folder / f"{task_id}-{attempt_no}.go").touch()


def chatty(lines: int, code: int = 0) -> str:
    """About 100 bytes a line, as fast as it goes: reported in larger pieces."""
    return f'{BEGIN}seq -f "%090g" {lines} | tee -a "$me.wrote"\nexit {code}\n'


def wrote(folder: Path, task_id: int, attempt_no: int = 1) -> bytes:
    """What the script wrote, by its own copy."""
    return (folder / f"{task_id}-{attempt_no}.wrote").read_bytes()


def executions(folder: Path, task_id: int, attempt_no: int = 1) -> int:
    """How often this attempt was executed."""
    name = folder / f"{task_id}-{attempt_no}"
    again = name.with_suffix(".again")
    more = len(again.read_text().splitlines()) if again.exists() else 0
    return int(name.with_suffix(".began").exists()) + more
