"""Tasks from before there were lanes get theirs; also those that run now, for they may have to wait again."""

from typing import Any

from django.db import migrations

from tasks.scheduling.rows.lanes import columns_of


def fill(apps: Any, schema_editor: Any) -> None:
    tasks = apps.get_model("tasks", "Task")
    for task in tasks.objects.filter(status__in=("blocked", "waiting", "running")).iterator():
        tasks.objects.filter(pk=task.pk).update(**columns_of(task))


class Migration(migrations.Migration):
    dependencies = [("tasks", "0002_placement")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
