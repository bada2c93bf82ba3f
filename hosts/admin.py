"""Hosts as the site knows them; read only."""

from django.contrib import admin
from django.http import HttpRequest

from hosts.models import Host


@admin.register(Host)
class HostAdmin(admin.ModelAdmin[Host]):
    list_display = ("name", "kind", "checked_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Host | None = None) -> bool:
        return False
