"""Routes under /api/ that belong to tasks, and to hosts together with their tasks."""

from django.urls import path, re_path
from rest_framework.routers import SimpleRouter

from tasks.api.agents import AgentTree, OneAgent
from tasks.api.batch import TaskBatch
from tasks.api.host_end import Remove, Stop
from tasks.api.host_gone import Gone
from tasks.api.kept import ReleaseKept
from tasks.api.logs import TaskLog, TaskLogDownload
from tasks.api.overview import Overview
from tasks.api.pools import OnePool, Pools
from tasks.api.reservations import ReservationViewSet
from tasks.api.tasks import TaskViewSet
from tasks.api.wait import TaskWait
from tasks.api.why import TaskTest, TaskWhy

router = SimpleRouter()
router.register("tasks", TaskViewSet, basename="api-task")
router.register("reservations", ReservationViewSet, basename="api-reservation")

urlpatterns = [
    *router.urls,
    path("tasks/batch/", TaskBatch.as_view(), name="api-task-batch"),
    path("tasks/wait/", TaskWait.as_view(), name="api-task-wait"),
    path("tasks/test/", TaskTest.as_view(), name="api-task-test"),
    re_path(r"^tasks/(?P<pk>[0-9]{1,18})/why/$", TaskWhy.as_view(), name="api-task-why"),
    re_path(r"^tasks/(?P<pk>[0-9]{1,18})/log$", TaskLog.as_view(), name="api-task-log"),
    re_path(r"^tasks/(?P<pk>[0-9]{1,18})/log/download$", TaskLogDownload.as_view(), name="api-task-log-download"),
    path("pools/", Pools.as_view(), name="api-pool-list"),
    path("pools/<str:name>/", OnePool.as_view(), name="api-pool-detail"),
    path("overview/", Overview.as_view(), name="api-overview"),
    path("agents/", AgentTree.as_view(), name="api-agent-list"),
    path("agents/<uuid:pk>/", OneAgent.as_view(), name="api-agent-detail"),
    path("agents/<uuid:pk>/release/", ReleaseKept.as_view(), name="api-agent-release"),
    path("agents/<uuid:pk>/gone/", Gone.as_view(), name="api-agent-gone"),
    path("agents/<uuid:pk>/stop/", Stop.as_view(), name="api-agent-stop"),
    path("agents/<uuid:pk>/remove/", Remove.as_view(), name="api-agent-remove"),
]
