"""Hosts as the site knows them; read only."""

from django.contrib import admin

from cowweb.curated import ReadOnlyAdmin
from hosts.models import Host


@admin.register(Host)
class HostAdmin(ReadOnlyAdmin[Host]):
    list_display = ("name", "kind", "checked_at")
