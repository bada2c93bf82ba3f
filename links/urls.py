from django.urls import path

from links import views

urlpatterns = [
    path("clones/_ports/<int:clone>/<int:port>/", views.port_numbered, name="port-numbered"),
    path("clones/<str:name>/ports/<int:port>/open/", views.link_open, name="link-open"),
    path("clones/<str:name>/links/", views.link_create_view, name="link-create"),
    path("clones/<str:name>/links/<int:pk>/revoke/", views.link_revoke_view, name="link-revoke"),
]
