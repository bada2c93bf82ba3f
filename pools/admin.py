"""Pools are set here by curators; templates and spares are looked at."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from audit.services import actor_of
from cowweb.curated import ReadOnlyAdmin, ServedAdmin
from pools.models import Pool, Template
from pools.services import pool_set


@admin.register(Pool)
class PoolAdmin(ServedAdmin[Pool]):
    list_display = (
        "base",
        "instant",
        "minimum",
        "maximum",
        "refill_per_minute",
        "age_limit_s",
        "taken",
        "missed",
    )
    readonly_fields = ("base", "taken", "missed")
    exclude = ("window_at", "window_asked", "window_before")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Pool | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Pool, form: Any, change: bool) -> None:  # noqa: FBT001
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        if changes:
            self.served(request, lambda: pool_set(base=obj.base, actor=actor_of(request), **changes))


@admin.register(Template)
class TemplateAdmin(ReadOnlyAdmin[Template]):
    list_display = ("revision", "memory_mb", "cpus", "status", "hits", "build_ms", "built_at", "failure")
    list_filter = ("status",)
