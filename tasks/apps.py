"""What is to be run, where it was put, and what came out."""

from django.apps import AppConfig


class TasksConfig(AppConfig):
    name = "tasks"
