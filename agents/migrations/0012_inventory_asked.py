from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0011_secret_rotation'),
    ]

    operations = [
        migrations.AddField(
            model_name='agent',
            name='inventory_asked_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
