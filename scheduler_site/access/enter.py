"""GET /enter/<token>: signs the browser in and goes on to the tasks. The one change of state by a GET: it is a link."""

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from agents.credentials import new_secret
from scheduler_site.access.links import redeem

BROWSER_COOKIE = "nightshift_browser"
COOKIE_SECONDS = 7 * 24 * 3600
START_PAGE = "/tasks/"


@never_cache
@require_GET
def enter(request: HttpRequest, token: str) -> HttpResponse:
    browser = request.COOKIES.get(BROWSER_COOKIE) or new_secret()
    user = redeem(token, browser)
    if user is None:
        return _refused(request)
    login(request, user, backend="scheduler_site.access.sessions.Accounts")
    response = HttpResponseRedirect(START_PAGE)
    is_secure = request.is_secure()
    response.set_cookie(BROWSER_COOKIE, browser, COOKIE_SECONDS, httponly=True, samesite="Lax", secure=is_secure)
    return response


def _refused(request: HttpRequest) -> HttpResponse:
    """Whoever is signed in already just goes on."""
    if request.user.is_authenticated:
        return HttpResponseRedirect(START_PAGE)
    return render(request, "registration/link_refused.html", status=403)
