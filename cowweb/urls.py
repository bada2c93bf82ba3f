"""Every HTTP mount, on one screen."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from cowweb.health import healthz, readyz

handler500 = "cowweb.failures.server_error"

urlpatterns = [
    path("", include("commands.urls")),
    path("", include("bases.urls")),
    path("", include("pools.urls")),
    path("", include("links.urls")),
    path("", include("clones.urls")),
    path("", include("provisioning.urls")),
    path("", include("reports.urls")),
    path("", include("people.urls")),
    path("", include("quotas.urls")),
    path("", include("hosts.urls")),
    path("", include("audit.urls")),
    path("accounts/login/", LoginView.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
]
