"""What can be run again: named, versioned scripts."""

from django.apps import AppConfig


class TemplatesConfig(AppConfig):
    name = "templates_app"
    verbose_name = "Script templates"
