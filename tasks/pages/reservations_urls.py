"""Addresses of the pages of reservations, mounted at /reservations/."""

from django.urls import path

from tasks.pages import reservations

app_name = "reservations"

urlpatterns = [
    path("", reservations.reservation_list, name="list"),
    path("new/", reservations.new_reservation, name="new"),
    path("<int:reservation_id>/release/", reservations.release, name="release"),
    path("<int:reservation_id>/extend/", reservations.extend, name="extend"),
]
