"""The site as a Django app: its commands, base templates and few tables. Starts no loop and no thread."""

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate

from scheduler_site import system_log


class SiteConfig(AppConfig):
    name = "scheduler_site"
    verbose_name = "Site"

    def ready(self) -> None:
        from scheduler_site.access import acts  # both need the models
        from scheduler_site.shared import append_only

        system_log.set_up(settings.LOG_FORMAT, settings.LOG_LEVEL)
        acts.watch()
        post_migrate.connect(append_only.install, sender=self)
