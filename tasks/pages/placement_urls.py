"""The placement page and what staff change on it."""

from django.urls import path

from tasks.pages.placement import placement_page
from tasks.pages.placement_switch import change_rules, switch_pool, switch_site

app_name = "placement"
urlpatterns = [
    path("", placement_page, name="page"),
    path("policy/", switch_site, name="site"),
    path("pools/<str:name>/policy/", switch_pool, name="pool"),
    path("rules/", change_rules, name="rules"),
]
