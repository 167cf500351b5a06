"""Addresses of the task pages, mounted at /tasks/."""

from django.urls import path

from tasks.pages import cancel, dependencies, hold, late_result, new_task, one_task, task_list, why

app_name = "tasks"

urlpatterns = [
    path("", task_list.task_list, name="list"),
    path("rows/", task_list.task_rows, name="rows"),
    path("counts/", task_list.status_counts, name="counts"),
    path("new/", new_task.new_task, name="new"),
    path("dependencies/", dependencies.check, name="dependencies"),
    path("<int:task_id>/", one_task.one_task, name="task"),
    path("<int:task_id>/summary/", one_task.summary, name="summary"),
    path("<int:task_id>/why/", why.why_it_waits, name="why"),
    path("<int:task_id>/hold/", hold.hold, name="hold"),
    path("<int:task_id>/release/", hold.release, name="release"),
    path("<int:task_id>/run-dependants/", late_result.run, name="run-dependants"),
    path("<int:task_id>/cancel/", cancel.cancel, name="cancel"),
]
