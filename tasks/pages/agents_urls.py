"""The agents page. Its verbs (add, pause, resume) are in agents.pages.urls, mounted beside it."""

from django.urls import path

from tasks.pages.agents import agents_page

urlpatterns = [path("", agents_page, name="agents")]
