"""Routes under /api/templates/."""

from rest_framework.routers import SimpleRouter

from templates_app.api.templates import TemplateViewSet

router = SimpleRouter()
router.register("templates", TemplateViewSet, basename="api-template")

urlpatterns = router.urls
