"""Sub agents whose card fell off their host."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tasks", "0012_kept_allocations")]

    operations = [
        migrations.AddField(
            model_name="subagent",
            name="gpu_lost_at",
            field=models.DateTimeField(
                editable=False, help_text="Since when a card it holds is not seen any more.", null=True
            ),
        ),
    ]
