from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0007_host_endings'),
    ]

    operations = [
        migrations.AddField(
            model_name='agent',
            name='proto',
            field=models.PositiveSmallIntegerField(default=1, editable=False),
        ),
    ]
