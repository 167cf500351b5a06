"""Text from scripts and other users made safe for a terminal: no escape sequence, no control character gets through.

Keeps newline and tab, and colours (SGR) where they are wanted. Does not read or write anything.
"""

import codecs
import re

HELD_MAX = 4096
_CSI_REST = "[0-?]*[ -/]*[@-~]"
# Without other starts in it, so that a text of starts alone takes no quadratic time.
_STRING_BODY = "[^\x07\x1b\x80-\x9f\n\r]*"
_STRING_END = "(?:\x07|\x1b\\\\|\x9c)"
# One control character, then what belongs to it: beginning with a plain class makes the search fast on plain text.
_SEQUENCE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f](?:"
    f"(?<=\x1b)\\[{_CSI_REST}|(?<=\x9b){_CSI_REST}"
    f"|(?<=\x1b)[\\]PX^_]{_STRING_BODY}{_STRING_END}|(?<=[\x90\x98\x9d-\x9f]){_STRING_BODY}{_STRING_END}"
    "|(?<=\x1b)[ -/]+[0-~]|(?<=\x1b)[0-OQ-WYZ\\\\`-~]"
    "|(?<=\r)\n)?"
)
_COLOUR = re.compile("(?:\x1b\\[|\x9b)[0-9;:]*m")
# The end of a text that may go on: a started sequence, or a carriage return whose newline has not come yet.
_UNFINISHED = re.compile(
    f"(?:\x1b\\[|\x9b)[0-?]*[ -/]*\\Z|(?:\x1b[\\]PX^_]|[\x90\x98\x9d-\x9f]){_STRING_BODY}\x1b?\\Z|\x1b[ -/]*\\Z|\r\\Z"
)
_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
RESET = "\x1b[0m"


def one_line(text: str) -> str:
    """A name or sentence for one line: control characters and direction overrides become one space."""
    return _NOT_IN_A_LINE.sub(" ", text).strip()


class TerminalText:
    """Turns the bytes of a log, piece by piece, into text for a terminal. Pieces may be cut anywhere."""

    def __init__(self, with_colours: bool) -> None:
        self._with_colours = with_colours
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._is_coloured = False

    def feed(self, data: bytes) -> str:
        text = self._held + self._decoder.decode(data)
        unfinished = _UNFINISHED.search(text, max(0, len(text) - HELD_MAX))
        cut = unfinished.start() if unfinished else len(text)
        self._held = text[cut:]
        return self._cleaned(text[:cut])

    def finish(self) -> str:
        """What was held back, and the end of a colour that the script left switched on."""
        rest = self._cleaned(self._held + self._decoder.decode(b"", final=True))
        self._held = ""
        return rest + (RESET if self._is_coloured else "")

    def _cleaned(self, text: str) -> str:
        return _SEQUENCE.sub(self._replacement, text)

    def _replacement(self, match: re.Match[str]) -> str:
        sequence = match[0]
        if sequence[0] == "\r":
            return "\n"  # a progress bar becomes lines; a bare return could overwrite what was shown
        if not self._with_colours or not _COLOUR.fullmatch(sequence):
            return ""
        self._is_coloured = True
        return "\x1b[" + sequence.removeprefix("\x1b[").removeprefix("\x9b")
