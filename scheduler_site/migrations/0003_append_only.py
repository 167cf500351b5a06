"""Histories that can only be added to, results that stay. scheduler_site.shared.append_only sets the triggers after every
migration; this one is there so that databases made earlier get one."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ("scheduler_site", "0002_submitters"),
        ("agents", "0003_placement_history"),
        ("tasks", "0004_reservation_events"),
    ]

    operations: list = []
