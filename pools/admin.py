"""Pools are set here by curators; templates and spares are looked at."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from audit.services import actor_of
from cowweb.curated import ReadOnlyAdmin, ServedAdmin
from cowweb.wording import duration, size
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
    list_display = ("revision", "memory", "processors", "status", "made", "build_time", "built_at", "failure")
    list_filter = ("status",)
    fields = (
        *("revision", "memory", "processors", "status", "failure", "failure_detail", "held", "devices"),
        *("layer", "build_time", "made", "built_at", "fingerprint"),
    )

    @admin.display(description="Memory", ordering="memory_mb")
    def memory(self, template: Template) -> str:
        return size(template.memory_mb * 1024 * 1024)

    @admin.display(description="CPUs", ordering="cpus")
    def processors(self, template: Template) -> int:
        return template.cpus

    @admin.display(description="Kept in memory")
    def held(self, template: Template) -> str:
        return size(template.memory_bytes)

    @admin.display(description="State of its devices")
    def devices(self, template: Template) -> str:
        return size(template.state_bytes)

    @admin.display(description="Layer on disk")
    def layer(self, template: Template) -> str:
        return size(template.disk_bytes)

    @admin.display(description="Built in", ordering="build_ms")
    def build_time(self, template: Template) -> str:
        return duration(template.build_ms)

    @admin.display(description="Clones made", ordering="hits")
    def made(self, template: Template) -> int:
        return template.hits
