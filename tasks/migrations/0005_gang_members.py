from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tasks", "0004_reservation_events")]

    operations = [
        migrations.AddField(
            model_name="subagent",
            name="may_still_run",
            field=models.BooleanField(
                default=False,
                editable=False,
                help_text="Ended here without proof, so nothing is tried again by itself.",
            ),
        ),
    ]
