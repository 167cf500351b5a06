"""Script templates in the admin: the same form as on their pages, versions below. Edits go through editing."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.safestring import SafeString

from scheduler_site.shared.admin_parts import ModelAdmin, ReadOnlyInline, column, gib, plain_number
from scheduler_site.shared.errors import DomainError
from templates_app.forms import TemplateForm
from templates_app.models import ScriptTemplate, TemplateVersion


class ScriptEditor(forms.Textarea):
    """The textarea within <code-editor>: the page's script makes it the same editor as elsewhere."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return format_html('<code-editor label="Script">{}</code-editor>', super().render(name, value, attrs, renderer))


class AdminTemplateForm(TemplateForm):
    class Meta(TemplateForm.Meta):
        pass

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["script_content"].widget = ScriptEditor(attrs={"rows": 18, "cols": 100, "spellcheck": "false"})


CORES = column("cpu_cores", "CPU cores", plain_number)
MEMORY = column("memory_mib", "memory", gib)
GPUS = column("gpu_count", "GPUs", plain_number)


class VersionInline(ReadOnlyInline):
    model = TemplateVersion
    fk_name = "template"
    fields = ("number", "note", CORES, MEMORY, GPUS, "script", "created_by", "created_at")
    readonly_fields = fields
    ordering = ("-number",)
    verbose_name_plural = "versions (never changed; an edit makes the next one)"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("created_by", "template")

    @admin.display(description="script")
    def script(self, version: TemplateVersion) -> SafeString:
        lines = version.script_content.count("\n")
        return format_html("<details><summary>{} lines</summary><pre>{}</pre></details>", lines, version.script_content)


@admin.register(ScriptTemplate)
class ScriptTemplateAdmin(ModelAdmin):
    form = AdminTemplateForm
    list_display = ("name", "description", "version", "cpu_cores", "gpu_count", "is_archived", "updated_at")
    list_filter = ("is_archived",)
    list_select_related = ("current_version",)
    search_fields = ("name", "description")
    show_full_result_count = False
    inlines = (VersionInline,)

    def get_fieldsets(self, request: HttpRequest, obj: ScriptTemplate | None = None) -> Any:
        about = ["name", "description"] + (["is_archived"] if obj else [])
        script = ["script_content"] + (["note"] if obj else [])
        defaults = ["priority", "cpu_cores", "memory_mib", "gpu_count", "gpu_memory", "time_limit_seconds"]
        return [(None, {"fields": about}), ("Script", {"fields": script}), ("Defaults", {"fields": defaults})]

    def get_form(
        self, request: HttpRequest, obj: ScriptTemplate | None = None, change: bool = False, **options: Any
    ) -> Any:
        """The form as it is: its further fields are columns of the version, not of the template."""
        return AdminTemplateForm

    def get_inlines(self, request: HttpRequest, obj: ScriptTemplate | None) -> Any:
        return self.inlines if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: ScriptTemplate | None = None) -> bool:
        """Tasks keep their link to the version they were made from: a template is archived instead."""
        return False

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.write(request.user)

    def save_model(self, request: HttpRequest, obj: ScriptTemplate, form: Any, change: bool) -> None:
        """`save_form` has stored it already, version and all."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Versions are only read here."""

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Without the versions below: they were not posted to be changed."""
        return super().construct_change_message(request, form, (), add)

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **options)
        except DomainError as refusal:
            self.message_user(request, refusal.detail, messages.ERROR)
            return HttpResponseRedirect(request.path)

    @admin.display(description="version", ordering="current_version__number")
    def version(self, template: ScriptTemplate) -> int | None:
        return template.current_version.number if template.current_version else None

    @admin.display(description="CPU cores")
    def cpu_cores(self, template: ScriptTemplate) -> str:
        return f"{template.current_version.cpu_cores.normalize():f}" if template.current_version else "—"

    @admin.display(description="GPUs")
    def gpu_count(self, template: ScriptTemplate) -> int | str:
        return template.current_version.gpu_count if template.current_version else "—"
