from django.db import migrations, models

import scheduler_site.models.server_identity


class Migration(migrations.Migration):
    """The row that exists gets a random one, also when the migration runs on a backup of an older version."""

    dependencies = [("scheduler_site", "0004_administrative_events")]

    operations = [
        migrations.AddField(
            model_name="serveridentity",
            name="generation",
            field=models.CharField(
                default=scheduler_site.models.server_identity.new_generation, editable=False, max_length=16
            ),
        ),
    ]
