"""Pages of script templates, mounted at /templates/."""

from django.urls import path

from templates_app.pages import views

app_name = "templates"
urlpatterns = [
    path("", views.template_list, name="list"),
    path("new/", views.new_template, name="new"),
    path("examples/", views.add_examples, name="examples"),
    path("<int:template_id>/", views.template_page, name="one"),
    path("<int:template_id>/edit/", views.edit_template, name="edit"),
]
