"""The group of submitters; whoever could submit before roles came still can."""

from typing import Any

from django.conf import settings
from django.db import migrations


def add_group(apps: Any, _editor: Any) -> None:
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name="submitter")
    app, model = settings.AUTH_USER_MODEL.split(".")
    users = apps.get_model(app, model).objects.filter(is_staff=False, is_superuser=False)
    group.user_set.add(*users)


class Migration(migrations.Migration):
    dependencies = [
        ("scheduler_site", "0001_first_tables"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [migrations.RunPython(add_group, migrations.RunPython.noop)]
