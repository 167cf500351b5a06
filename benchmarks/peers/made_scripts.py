"""Scripts as files, the same for every peer. Runs nothing."""

import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Script:
    path: str
    output: str  # where the peer is asked to put what it prints
    text: str


class MadeScripts:
    """`count` scripts of the same body in a folder of their own; `@I` stands for the number, `@D` for the folder."""

    def __init__(self, count: int, body: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="nightshift-peers-", ignore_cleanup_errors=True)
        self.folder = Path(self._folder.name)
        self.folder.chmod(0o755)
        self.all = [self._made(number, body) for number in range(count)]

    def _made(self, number: int, body: str) -> Script:
        text = "#!/bin/bash\n" + body.replace("@I", str(number)).replace("@D", str(self.folder))
        path = self.folder / f"{number}.sh"
        path.write_text(text)
        path.chmod(0o755)
        return Script(str(path), str(self.folder / f"{number}.out"), text)

    @cached_property
    def count(self) -> int:
        return len(self.all)

    def moment(self, number: int) -> float:
        """What this script wrote with STAMP: seconds since 1970."""
        return float((self.folder / f"{number}.t").read_text())

    def outputs_that_begin_with(self, text: str) -> int:
        found = (Path(script.output) for script in self.all)
        return sum(output.exists() and output.read_text().startswith(text) for output in found)

    def remove(self) -> None:
        self._folder.cleanup()


STAMP = "date +%s.%N > @D/@I.t\n"
