"""Which words tasks have been given as `template_type`: found one after the other in its index, however many tasks
there are. Reads only."""

from django.db import connection

_WORDS = """
WITH RECURSIVE known(word) AS (
    SELECT MIN(template_type) FROM tasks_task WHERE template_type > ''
    UNION ALL
    SELECT (SELECT MIN(template_type) FROM tasks_task WHERE template_type > known.word)
    FROM known WHERE known.word IS NOT NULL
)
SELECT word FROM known WHERE word IS NOT NULL
"""


def known_types() -> list[str]:
    """In the database's order; without the empty one."""
    with connection.cursor() as cursor:
        cursor.execute(_WORDS)
        return [str(word) for (word,) in cursor.fetchall()]
