"""What happened, as it happens: one JSON line for each event, and a summary at the end. Judges nothing."""

import json
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any


class Report:
    """`folder` gets timeline.jsonl and summary.txt."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._file = (folder / "timeline.jsonl").open("w", encoding="utf-8")

    def seconds(self) -> float:
        return time.monotonic() - self._began

    def note(self, event: str, **more: Any) -> None:
        line = json.dumps({"at": round(self.seconds(), 3), "event": event, **more}, default=str)
        with self._lock:
            self.counts[event] += 1
            self._file.write(line + "\n")
            self._file.flush()

    def violation(self, sentence: str) -> None:
        self.violations.append(sentence)
        self.note("violation", sentence=sentence)

    def write_summary(self, lines: list[str]) -> None:
        shown = [*lines, "", f"{len(self.violations)} violations", *self.violations]
        (self.folder / "summary.txt").write_text("\n".join(shown) + "\n", encoding="utf-8")

    def close(self) -> None:
        self._file.close()
