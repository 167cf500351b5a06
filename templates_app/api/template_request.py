"""Shapes of what people send about templates. Storing and numbering versions is templates_app.editing's."""

from typing import Any

from scheduler_site.shared.strict_fields import LARGEST_INTEGER, Cores, Name, Switch, Text, Whole
from scheduler_site.shared.strict_serializers import RefuseUnknownFields

LARGEST_SCRIPT_BYTES = 1 << 20
FACTS = ("name", "description", "is_archived")


class Script(Text):
    """Not empty, and no longer than the script of a task may be."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_blank=False, **options)

    def to_internal_value(self, data: object) -> str:
        text = super().to_internal_value(data)
        if not text.strip():
            self.fail("blank")
        if len(text.encode(errors="surrogatepass")) > LARGEST_SCRIPT_BYTES:
            self.fail("max_length", max_length="1 MiB")
        return text


class VersionFields(RefuseUnknownFields):
    """The defaults that a task takes over. Sizes are MiB, durations seconds."""

    priority = Whole(1, 5, required=False, help_text="1 is the highest, 5 the lowest; 3 if left out.")
    cpu_cores = Cores(required=False, help_text="1 if left out; fractions are allowed.")
    memory_mib = Whole(1, LARGEST_INTEGER, required=False, allow_null=True)
    gpu_count = Whole(0, 64, required=False)
    gpu_memory = Whole(1, LARGEST_INTEGER, required=False, allow_null=True, help_text="MiB per GPU.")
    time_limit_seconds = Whole(1, LARGEST_INTEGER, required=False, allow_null=True)
    note = Text(required=False, max_length=200, help_text="What changed; kept with the version.")


class TemplateCreateRequest(VersionFields):
    name = Name(max_length=120)
    description = Text(required=False, default="")
    script_content = Script()


class TemplateEditRequest(VersionFields):
    name = Name(required=False, max_length=120)
    description = Text(required=False)
    is_archived = Switch(required=False, help_text="Not offered for new tasks; old ones keep their link.")
    script_content = Script(required=False)


def parted(fields: dict[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """What belongs to the template itself, and what to its next version."""
    facts = {name: value for name, value in fields.items() if name in FACTS}
    return facts, {name: value for name, value in fields.items() if name not in FACTS}
