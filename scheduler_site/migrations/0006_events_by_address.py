from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scheduler_site", "0005_generation")]

    operations = [
        migrations.AddIndex(
            model_name="administrativeevent",
            index=models.Index(fields=["verb", "address", "at"], name="administrative_by_address"),
        ),
    ]
