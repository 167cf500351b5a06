"""The site as a Django app: its commands, base templates and few tables. Starts nothing by itself."""

from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "scheduler_site"
    verbose_name = "Site"
