"""Hosts: what they offer and how far to trust them. Knows nothing of tasks."""

from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"
