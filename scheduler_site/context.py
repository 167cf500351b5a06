"""What every page's frame needs to know: how the site is reached, and what the reader's role may do."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from scheduler_site.shared.roles import Rights
from tasks.output import log_files


def site(request: HttpRequest) -> dict[str, Any]:
    return {
        "is_insecure": settings.SHOW_INSECURE_BANNER,
        "may": Rights(getattr(request, "user", None)),
        "is_output_disk_full": not log_files.has_room(),
    }
