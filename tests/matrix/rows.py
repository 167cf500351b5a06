"""The rows of the fault matrix: what is broken, how it is broken here, what must hold. Says nothing about results.

A test that shows a row carries `@pytest.mark.matrix(number, ...)`; docs/failure.md has the table that is made of both.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """`needs` names what most machines lack: without it the tests of the row are skipped and say so."""

    number: int
    fault: str
    injected: str
    expected: str
    needs: str = ""


# A release waits for these; the others are worth a look.
BLOCKING = frozenset(
    {*range(5, 14), *range(16, 20), *range(23, 30), 34, 37, 39, 42, *range(49, 53), 58, 63, 67, 68, 70}
)

_PROCESSES = (
    Row(1, "main agent killed before it noted the assignment", "failpoint", "handed out again, one exec"),
    Row(2, "main agent killed after the note, before the claim", "failpoint", "claimed later or taken back, one exec"),
    Row(3, "main agent killed after the grant, before the launch", "failpoint", "not started, placed again for free"),
    Row(4, "sub agent killed between fork and barrier", "failpoint", "the script never ran, placed again for free"),
    Row(5, "sub agent killed just after the barrier", "failpoint", "script dead, `sub_lost`, output a whole prefix"),
    Row(6, "sub agent killed, script with five descendants, one in its own session", "SIGKILL", "none survives"),
    Row(7, "main agent killed in mid-run and started again", "SIGKILL", "same script process, exit code right"),
    Row(8, "main agent killed, script ends before it is back", "SIGKILL", "the result arrives, dependants start once"),
    Row(9, "main agent and sub agent killed together", "SIGKILL", "script dead, `sub_lost`, nothing left"),
    Row(10, "sub agent killed after exit.json, before the report", "failpoint", "the main agent sends the true result"),
    Row(11, "sub agent killed after the result was stored, before the reply", "failpoint", "sent again, same answer"),
    Row(12, "server killed at each crash point", "failpoints", "after the restart nothing is lost or doubled"),
    Row(
        13, "server away under load, then started anew", "stop and start", "scripts run on, no byte lost, none given up"
    ),
    Row(14, "a loop of the server dies", "failpoint", "restarted; /health/ is red meanwhile"),
    Row(15, "server killed over and over while output arrives", "SIGKILL in a loop", "output equal byte for byte"),
)
_PAUSES = (
    Row(16, "main agent stands still for minutes", "SIGSTOP", "sub agents report on, no second assignment"),
    Row(17, "sub agent of a failover task stands still", "SIGSTOP", "its script ends first, then a replacement starts"),
    Row(18, "a whole host stands still, failover task", "SIGSTOP", "on waking the old script ends first; `closed`"),
    Row(19, "server stands still for minutes", "SIGSTOP, clock", "nobody is given up for that time"),
    Row(20, "the server's wall clock jumps", "clock", "nothing lapses, the order stays"),
    Row(21, "a host's wall clock is wrong", "clock", "only shown times differ"),
    Row(22, "host suspended for an hour, sticky task", "clock", "the task goes on; its limit counts run time"),
)
_NETWORK = (
    Row(23, "partition: short, long, very long", "proxy", "bytes equal afterwards; very long: lost, then late result"),
    Row(24, "replies get lost", "proxy", "repeats are absorbed, one exec"),
    Row(25, "every request twice, some out of order", "proxy, message bag", "the invariants hold"),
    Row(26, "a connection stalls after the headers", "proxy", "given up at the deadline, heartbeats go on"),
    Row(27, "a proxy answers: 502, login page, redirect", "proxy", "counts as no answer; nothing is stopped"),
    Row(28, "401 for every agent", "server", "scripts run, output is kept, all resumes"),
    Row(29, "404 for live attempts: another database", "server", "nothing is stopped, the alarm is raised"),
    Row(30, "slow uplink, much output", "proxy", "heartbeats and results pass, output follows"),
    Row(31, "bodies cut or damaged", "proxy", "refused, sent again, bytes equal"),
    Row(32, "the server's name or address changes", "resolver", "looked up at each new connection"),
)
_STORAGE = (
    Row(33, "host's disk full before the start", "small file system", "not started, `disk_full`, another host"),
    Row(34, "host's disk full in mid-run", "small file system", "result kept, what was dropped is a recorded gap"),
    Row(35, "server's disk for output full", "small file system", "told to wait, no wrong offset, recovers"),
    Row(36, "server's disk for the database full", "small file system", "no result acknowledged unstored, recovers"),
    Row(37, "database locked for a minute", "a long transaction", "503 with Retry-After, nobody given up"),
    Row(38, "PostgreSQL restarts", "restart", "tried again, nothing doubled", needs="PostgreSQL"),
    Row(
        39, "database restored from an older backup", "backup, restore", "noticed; results sent again, nothing stopped"
    ),
    Row(40, "output file or exit.json damaged or gone", "truncate, remove", "a recorded gap; no exit code is guessed"),
    Row(41, "state directory of a host unreadable", "permissions", "nothing is concluded from it, alarm"),
)
_WORKLOAD = (
    Row(42, "1 GiB of output in seconds", "script", "bounded memory, head and tail kept, gap exact"),
    Row(43, "100 MiB without a line end", "script", "streamed by bytes, the page wraps"),
    Row(44, "binary output", "script", "SHA-256 equal; replaced only where it is shown"),
    Row(45, "huge environment", "submission", "runs, or is refused at submission, or `spawn_error`"),
    Row(46, "fork bomb with a limit", "script", "it dies, heartbeats go on, none survives"),
    Row(47, "memory bomb", "limit of memory", "the script dies first, reason `oom`"),
    Row(48, "all cores busy", "script", "heartbeats are in time"),
    Row(49, "the script ignores TERM", "script", "KILL after the grace, `canceled`"),
    Row(50, "the script stopped itself, then cancel", "SIGSTOP", "TERM and CONT arrive, it ends within the grace"),
    Row(51, "daemon with its own session and no environment", "script", "ended with the task"),
    Row(52, "a background child keeps the output open", "script", "the result at once, then the child is ended"),
    Row(53, "the script closes its standard streams", "script", "runs, no output, exit code right"),
    Row(54, "the script reads standard input", "script", "end of file at once"),
    Row(55, "a process that cannot be killed", "D state", "`unkillable`, host paused", needs="a FUSE mount that hangs"),
    Row(56, "the script kills its sub agent", "script", "as row 5"),
    Row(57, "the script removes its folder", "script", "the result arrives, written bytes are kept"),
    Row(58, "a process id is used again", "ns_last_pid", "the stranger gets no signal", needs="a pid namespace"),
)
_HOST = (
    Row(59, "host restarts in mid-run", "SIGKILL, boot id", "`host_rebooted`; again only if the task says so"),
    Row(60, "a GPU falls off", "NVML double", "capacity shrinks, the running task is not stopped"),
    Row(61, "NVML hangs", "NVML double", "heartbeats go on"),
    Row(62, "/proc hidden", "mount namespace", "usage unknown, tasks run and can be stopped", needs="root"),
    Row(63, "a host's image is cloned", "copied state directory", "quarantined, no work doubled"),
    Row(64, "two hosts of one name", "two agents", "the second becomes name-2"),
)
_SCALE = (
    Row(65, "main agent of another version in mid-run", "state of another version", "taken up, the result arrives"),
    Row(66, "server newer than its agents", "protocol versions", "too old: 426, its running tasks still finish"),
    Row(67, "1,000 agents come back at once", "simulated fleet", "no one lost, results in seconds"),
    Row(68, "most hosts vanish at once", "simulated fleet", "the breaker opens, nothing is given up, alarm"),
    Row(69, "a link that flaps", "proxy, clock", "none lost, no new work meanwhile"),
    Row(70, "cancel against finish, 10,000 times", "threads", "one of two legal ends, once"),
    Row(71, "host deactivated while a claim is under way", "threads", "claimed or refused, never both"),
    Row(72, "a chain of 10,000 is canceled", "API", "in bounded time, resumed after a kill"),
    Row(73, "one script submitted twice", "same idempotency key", "one task"),
    Row(74, "old output is removed while somebody reads", "both at once", "live output stays; a reader gets 410"),
)

GROUPS = {
    "Processes": _PROCESSES,
    "Pauses and time": _PAUSES,
    "Network": _NETWORK,
    "Storage": _STORAGE,
    "Scripts": _WORKLOAD,
    "Hosts": _HOST,
    "Versions and scale": _SCALE,
}
ROWS = {row.number: row for rows in GROUPS.values() for row in rows}
