"""What is to be run, where it was put, and what came out."""

from django.apps import AppConfig


class TasksConfig(AppConfig):
    name = "tasks"

    def ready(self) -> None:
        """Only listens: what operators change on hosts asks for a pass. Loops are started by `serve`, never here."""
        from agents.signals import placement_changed
        from tasks.scheduling import changes

        placement_changed.connect(lambda **_: changes.of_site(), weak=False, dispatch_uid="placement changed")
