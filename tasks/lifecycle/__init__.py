"""Every change of a task's status: the only writer of Task.status, Task.current_fence and of how a task ended.

One verb, one file, one transaction: a filtered UPDATE on (id, allowed statuses, fence) that must hit one row, the sub
agent's own change, the history row, what was held released, dependants freed, pages told on commit. Callers are the
API, pages, admin, agents' reports and the server's loops; none of them writes a status itself. Who may call is their
business.
"""

from tasks.lifecycle.cancel import cancel
from tasks.lifecycle.claim import claim, claim_placed
from tasks.lifecycle.dependants import settle_left
from tasks.lifecycle.edit import depend_on, edit
from tasks.lifecycle.finish import finish, finish_locked
from tasks.lifecycle.give_back import give_back
from tasks.lifecycle.hold import hold, release
from tasks.lifecycle.place import place
from tasks.lifecycle.start import start
from tasks.lifecycle.submit import submit, submit_all

__all__ = [
    "cancel",
    "claim",
    "claim_placed",
    "depend_on",
    "edit",
    "finish",
    "finish_locked",
    "give_back",
    "hold",
    "place",
    "release",
    "settle_left",
    "start",
    "submit",
    "submit_all",
]
