"""The page for a request that failed for a fault that is not its own: 503 while the database cannot be used, else 500.

Asks nothing of the database itself, nor of the session.
"""

import sys

from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.views.decorators.csrf import requires_csrf_token
from django.views.defaults import server_error

from scheduler_site.shared.database_trouble import RETRY_SECONDS, will_pass


@requires_csrf_token
def fault(request: HttpRequest) -> HttpResponse:
    """Django's handler500: called while the error is being handled."""
    error = sys.exc_info()[1]
    if not (isinstance(error, Exception) and will_pass(error)):
        return server_error(request)
    page = loader.get_template("503.html").render()
    return HttpResponse(page, status=503, headers={"Retry-After": RETRY_SECONDS})
