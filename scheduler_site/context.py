"""What every page's frame needs to know of the site. No queries."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(_request: HttpRequest) -> dict[str, Any]:
    return {"is_insecure": settings.SHOW_INSECURE_BANNER}
