"""How far this database has come: a number that rises with every change of any task, and with every claim and result.

It only ever falls when an older copy of the database took this one's place: then what was acknowledged since is gone.
On PostgreSQL ids may be committed in another order than they were given: the largest that is committed never falls by
that. An older copy is then seen by it all but surely, and always by its generation, which a restore changes.
"""

from django.db import connection


def commit_seq() -> int:
    """The id of the newest row of any task's history: every verb writes one in its own transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT MAX(id) FROM tasks_taskevent")
        (newest,) = cursor.fetchone()
    return newest or 0
