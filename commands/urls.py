from django.urls import path

from commands import views

urlpatterns = [
    path("", views.overview, name="overview"),
    path("commands/run/", views.command_run, name="command-run"),
    path("commands/complete/", views.command_complete, name="command-complete"),
    path("runs/<int:pk>/outcome/", views.command_outcome, name="command-outcome"),
    path("api/command/", views.api_command, name="api-command"),
]
