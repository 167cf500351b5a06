"""Everything under /api/: the calls for people, their description, and a clear answer for a wrong address."""

from django.urls import include, path, re_path
from django.views.decorators.csrf import ensure_csrf_cookie
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from scheduler_site.access import schema as _  # noqa: F401  (describes Bearer tokens to the schema)
from scheduler_site.access.token_api import ApiTokens, EnrolmentTokens, RevokeApiToken, RevokeEnrolmentToken
from scheduler_site.shared.rest_access import ByRole
from scheduler_site.shared.roles import Right


@extend_schema(exclude=True)
class NoSuchCall(APIView):
    """JSON instead of a page. Never a redirect: a redirected POST would lose its body."""

    writes_need = Right.READ

    def answer(self, request: Request, rest: str) -> Response:
        raise NotFound(f"There is no call {request.path}. Most end with a slash; all are listed at /api/docs/.")

    get = post = put = patch = delete = answer


class Schema(SpectacularAPIView):
    permission_classes = [ByRole]


class Docs(SpectacularSwaggerSplitView):
    """The page to try the calls. OPTIONS is left out: the page's renderer cannot answer it."""

    permission_classes = [ByRole]
    url_name = "api-schema"
    http_method_names = ["get", "head"]


urlpatterns = [
    path("", include("tasks.api.urls")),
    path("", include("agents.api.urls")),
    path("", include("templates_app.api.urls")),
    path("api-tokens/", ApiTokens.as_view(), name="api-api-tokens"),
    re_path(r"^api-tokens/(?P<pk>[0-9]{1,18})/revoke/$", RevokeApiToken.as_view(), name="api-api-token-revoke"),
    path("enrolment-tokens/", EnrolmentTokens.as_view(), name="api-enrolment-tokens"),
    re_path(
        r"^enrolment-tokens/(?P<pk>[0-9]{1,18})/revoke/$",
        RevokeEnrolmentToken.as_view(),
        name="api-enrolment-token-revoke",
    ),
    path("schema/", Schema.as_view(), name="api-schema"),
    path("docs/", ensure_csrf_cookie(Docs.as_view()), name="api-docs"),
    re_path(r"^(?P<rest>[\s\S]*)$", NoSuchCall.as_view(), name="api-unknown"),
]
