"""Curation: metadata is edited here, verbs call the services that the pages call."""

from collections.abc import Callable
from functools import partial

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.services import actor_of
from bases.aliases import alias_roll_back
from bases.life import revision_approve, revision_retire
from bases.models import BaseImage, BaseRevision, Stage
from bases.services import base_edit, base_mark, base_verify
from cowweb.curated import ServedAdmin
from cowweb.errors import DomainError

SHORT_DIGEST = 12  # characters, where a column is what it has


class RevisionInline(admin.TabularInline[BaseRevision, BaseImage]):
    model = BaseRevision
    fk_name = "base"
    extra = 0
    can_delete = False
    fields = readonly_fields = (
        "number",
        "short_digest",
        "virtual_size",
        "file_size",
        "stage",
        "successor",
        "boot_kind",
        "verified_at",
        "intact",
    )

    def has_add_permission(self, request: HttpRequest, obj: BaseImage | None = None) -> bool:
        return False

    @admin.display(description="digest")
    def short_digest(self, revision: BaseRevision) -> str:
        return revision.digest[:SHORT_DIGEST]


@admin.register(BaseImage)
class BaseImageAdmin(ServedAdmin[BaseImage]):
    list_display = (
        "name",
        "status",
        "os",
        "memory_mb",
        "cpus",
        "rexx_installed",
        "short_digest",
        "clones",
        "updated_at",
    )
    list_filter = ("status", "revisions__stage", "revisions__intact", "for_everyone", "rexx_installed", "os")
    search_fields = ("name", "description", "os")
    readonly_fields = ("name", "status", "failure", "digest", "path", "clones", "created_by", "created_at")
    fields = (
        *("name", "status", "failure", "description", "os", "ssh_user", "memory_mb", "cpus"),
        *("rexx_installed", "releases", "metadata", "digest", "path", "clones", "created_by", "created_at"),
    )
    inlines = [RevisionInline]
    actions = ["approve", "mark_deprecated", "mark_ready", "retire", "roll_back", "verify_digest"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[BaseImage]:
        return BaseImage.objects.for_list()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: BaseImage | None = None) -> bool:
        return False

    @admin.display(description="digest (sha256)")
    def digest(self, base: BaseImage) -> str:
        return base.current.digest if base.current else "-"

    @admin.display(description="digest")
    def short_digest(self, base: BaseImage) -> str:
        return self.digest(base)[:SHORT_DIGEST]

    @admin.display(description="file in the store")
    def path(self, base: BaseImage) -> str:
        return str(base.current.disk) if base.current else "-"

    @admin.display(description="clones")
    def clones(self, base: BaseImage) -> SafeString:
        url = reverse("base-detail", args=[base.name])
        return format_html('<a href="{}?tab=dependents">{}</a>', url, getattr(base, "live_clones", 0))

    def save_model(self, request: HttpRequest, obj: BaseImage, form: object, change: bool) -> None:  # noqa: FBT001
        changed = {name: getattr(obj, name) for name in getattr(form, "changed_data", [])}
        if changed:
            self.served(request, lambda: base_edit(base=obj, changes=changed, actor=actor_of(request)))

    @admin.action(description="Deprecate: still usable, no longer recommended")
    def mark_deprecated(self, request: HttpRequest, queryset: QuerySet[BaseImage]) -> None:
        self.mark(request, queryset, BaseImage.Status.DEPRECATED)

    @admin.action(description="Take the deprecation back")
    def mark_ready(self, request: HttpRequest, queryset: QuerySet[BaseImage]) -> None:
        self.mark(request, queryset, BaseImage.Status.READY)

    @admin.action(description="Approve what was inspected")
    def approve(self, request: HttpRequest, queryset: QuerySet[BaseImage]) -> None:
        waiting = BaseRevision.objects.filter(base__in=queryset, stage=Stage.INSPECTED)
        if not waiting:
            self.message_user(request, "Nothing of these waits for approval", messages.WARNING)
        for revision in waiting:
            self.tried(request, partial(revision_approve, revision=revision, actor=actor_of(request)))

    @admin.action(description="Retire the current revision: refused while anything depends on it")
    def retire(self, request: HttpRequest, queryset: QuerySet[BaseImage]) -> None:
        for revision in BaseRevision.objects.filter(current_of__in=queryset):
            self.tried(request, partial(revision_retire, revision=revision, actor=actor_of(request)))

    @admin.action(description="Roll stable back to the revision before")
    def roll_back(self, request: HttpRequest, queryset: QuerySet[BaseImage]) -> None:
        for base in queryset:
            self.tried(request, partial(alias_roll_back, base=base, actor=actor_of(request)))

    def tried(self, request: HttpRequest, act: Callable[[], object]) -> None:
        try:
            self.message_user(request, f"Done: {act()}")
        except DomainError as error:
            self.refused(request, error)

    def refused(self, request: HttpRequest, error: DomainError) -> None:
        """The admin begins a message with a capital, which a base's name must not get."""
        self.message_user(request, f"Refused: {str(error).removeprefix('Refused: ')}", messages.ERROR)

    def mark(self, request: HttpRequest, queryset: QuerySet[BaseImage], status: str) -> None:
        for base in queryset:
            try:
                base_mark(base=base, status=status, actor=actor_of(request))
            except DomainError as error:
                self.refused(request, error)
            else:
                self.message_user(request, f"Base image {base.name} is {status} now")

    @admin.action(description="Verify the digest again")
    def verify_digest(self, request: HttpRequest, queryset: QuerySet[BaseImage]) -> None:
        for base in queryset:
            changed = base_verify(base=base, actor=actor_of(request))
            for revision in changed:
                self.message_user(
                    request, f"Revision {revision} no longer matches its digest", messages.ERROR
                )
            if not changed:
                self.message_user(request, f"Every revision of {base.name} still matches its digest")
