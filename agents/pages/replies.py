"""Replies to forms in the page's dialog: close it, say what happened, let the open page refresh itself."""

import json

from django.http import HttpResponse


def dialog_done(text: str, *, is_error: bool = False) -> HttpResponse:
    news = {"dialog-close": {}, "toast": {"text": text, "error": is_error}, "agents-changed": {}}
    return HttpResponse(status=204, headers={"HX-Trigger": json.dumps(news)})
