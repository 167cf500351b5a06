"""How far this database has come: a number that rises with every change of any task, and with every claim and result.

It only ever falls when an older copy of the database took this one's place: then what was acknowledged since is gone.
"""

from django.db import connection


def commit_seq() -> int:
    """The id of the newest row of any task's history: every verb writes one in its own transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT MAX(id) FROM tasks_taskevent")
        (newest,) = cursor.fetchone()
    return newest or 0
