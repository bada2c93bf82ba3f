"""The record can be read in the admin, and nothing else."""

from django.contrib import admin

from audit.models import AuditEntry
from cowweb.curated import ReadOnlyAdmin


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin[AuditEntry]):
    list_display = ("at", "actor_name", "action", "target", "via", "outcome")
    list_select_related = ("outcome",)
    list_filter = ("action", "via")
    search_fields = ("actor_name", "target")
    date_hierarchy = "at"
