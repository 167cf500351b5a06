from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0010_access_rules'),
    ]

    operations = [
        migrations.AddField(
            model_name='agent',
            name='next_secret_hash',
            field=models.CharField(blank=True, editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name='agent',
            name='next_secret_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='agent',
            name='secret_asked_at',
            field=models.DateTimeField(blank=True, editable=False, help_text='Since when it is to take a new secret.', null=True),
        ),
    ]
