"""Who did what. An entry is written when a command is asked for, its outcome when it has ended.

    entry ── (no outcome yet: under way) ──► outcome: done | refused | failed

Both tables only grow: triggers of the database refuse to update or delete their rows (`audit.triggers`), and
each row carries the hash of the one before (`audit.chain`). `audit.keeping_models` has what keeps the record
and is no part of it.
"""

from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from audit.chain import clean, facts, link_hash, storable
from audit.keeping_models import Archive, ChainHead, Name, SavedView, Stream

__all__ = ["Archive", "AuditEntry", "AuditOutcome", "ChainHead", "Name", "SavedView", "Stream", "Via"]


class AppendOnly(Exception):
    """A bug: something tried to change the record."""


class Via(models.TextChoices):
    WEB = "web", "Browser"
    SHELL = "shell", "Shell"
    API = "api", "API"
    SYSTEM = "system", "The site itself"


class Link(models.Model):
    """A row of the chain. Saving it puts it at the end, in the same transaction as what else is written."""

    TEXTS: tuple[str, ...] = ()
    seq = models.BigIntegerField(unique=True, editable=False, help_text="its place in the chain")
    previous = models.CharField(max_length=64, editable=False, help_text="hash of the one before")
    hash = models.CharField(max_length=64, editable=False)

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly(f"{self} is on record and stays as it is")
        for name in self.TEXTS:
            setattr(self, name, clean(getattr(self, name)))
        with transaction.atomic():
            self.joined(ChainHead.locked())
            super().save(*args, **{**kwargs, "force_insert": True})

    def joined(self, head: ChainHead) -> None:
        """Takes the next place in the chain."""
        self.seq, self.previous = head.seq + 1, head.hash
        newest = self.numbered(head)
        self.hash = link_hash(self.previous, facts(self))
        head.moved_to(self.seq, self.hash, newest)

    def numbered(self, head: ChainHead) -> int:
        """The number of the newest entry, with this row."""
        return head.entry_id


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    def for_list(self) -> "AuditEntryQuerySet":
        return self.select_related("outcome").prefetch_related("jobs").order_by("-at", "-pk")

    def about(self, target: str) -> "AuditEntryQuerySet":
        return self.filter(target=target).for_list()


class AuditEntry(Link):
    """One command, refused ones too. Names are copied, so they outlive what they name."""

    TEXTS = ("actor_name", "address", "agent", "request_id", "token", "on_behalf_of", "action", "target")
    at = models.DateTimeField(default=timezone.now)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="audit_entries",
        db_index=False,
    )
    actor_name = models.CharField(max_length=150)
    via = models.CharField(max_length=10, choices=Via.choices)
    address = models.CharField(max_length=64, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=32, blank=True)
    token = models.CharField(max_length=120, blank=True, help_text="which one came with the command")
    on_behalf_of = models.CharField(max_length=150, blank=True, help_text="the other person in it")
    action = models.CharField(max_length=40)
    target = models.CharField(max_length=120, blank=True, help_text="kind:name")
    params = models.JSONField(default=dict)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        # one for each filter and the two most asked for together, in the order of the page: the newest fifty
        # are read, whatever there is; for what no index has, `audit.looking` looks among the newest
        indexes = [
            models.Index(fields=["at", "id"], name="audit_at"),
            models.Index(fields=["actor", "at", "id"], name="audit_actor"),
            models.Index(fields=["actor_name", "at", "id"], name="audit_actor_name"),
            models.Index(fields=["actor_name", "action", "at", "id"], name="audit_actor_action"),
            models.Index(fields=["action", "at", "id"], name="audit_action"),
            models.Index(fields=["target", "at", "id"], name="audit_target"),
            models.Index(fields=["via", "at", "id"], name="audit_via"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.target}"

    @property
    def run_number(self) -> int | None:
        """The run that it asked for or is about, whose output can be read."""
        kind, _, name = self.target.partition(":")
        if kind == "run" and name.isascii() and name.isdigit():
            return int(name)
        jobs = (job for job in self.jobs.all() if job.task.startswith("provisioning."))
        return next((int(job.subject_id) for job in jobs), None)

    def joined(self, head: ChainHead) -> None:
        self.params = storable(self.params)
        super().joined(head)
        Name.kept(actor=self.actor_name, action=self.action, target=self.target)

    def numbered(self, head: ChainHead) -> int:
        self.pk = head.entry_id + 1  # not the database's to choose: the number is part of what is hashed
        return self.pk


class AuditOutcome(Link):
    """How an entry's command ended, and what it changed."""

    class Result(models.TextChoices):
        DONE = "done", "Done"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"

    TEXTS = ("reason",)
    # no constraint of the database: an outcome may come when its entry is in an archive already
    entry = models.OneToOneField(
        AuditEntry, on_delete=models.DO_NOTHING, related_name="outcome", db_constraint=False
    )
    at = models.DateTimeField(default=timezone.now)
    asked_at = models.DateTimeField(editable=False, help_text="when its entry was written")
    result = models.CharField(max_length=10, choices=Result.choices)
    reason = models.TextField(blank=True)
    changes = models.JSONField(default=dict, help_text="field: [before, after]")

    class Meta:
        indexes = [models.Index(fields=["result", "asked_at", "entry"], name="audit_result")]

    def __str__(self) -> str:
        return f"{self.entry_id} {self.result}"

    def joined(self, head: ChainHead) -> None:
        self.changes = storable(self.changes)
        if getattr(self, "asked_at", None) is None:
            asked = AuditEntry.objects.filter(pk=self.entry_id).values_list("at", flat=True).first()
            self.asked_at = asked or self.at
        super().joined(head)
