"""Hosts can drain, be removed, and be asked to end their main agent."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0006_standing_reason")]

    operations = [
        migrations.AddField(
            model_name="agent",
            name="wish",
            field=models.CharField(
                blank=True,
                choices=[("", "none"), ("end", "end now"), ("end_when_empty", "end when nothing runs")],
                default="",
                editable=False,
                help_text="What an operator asked of its main agent and has not been done yet.",
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="agent",
            name="standing",
            field=models.CharField(
                choices=[
                    ("active", "Active"),
                    ("draining", "Draining"),
                    ("paused", "Paused"),
                    ("deactivated", "Deactivated"),
                    ("removed", "Removed"),
                ],
                default="active",
                max_length=12,
            ),
        ),
    ]
