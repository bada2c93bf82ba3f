from django.urls import path

from hosts import views

urlpatterns = [
    path("hosts/", views.host_list, name="host-list"),
    path("hosts/look/", views.host_look_view, name="host-look"),
]
