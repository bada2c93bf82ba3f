"""What keeps the record: its head, its archives, the names in it, who is told of it, and people's views.

These rows are no part of the record. `ChainHead` is the one row through which every writer goes, so that no
two records ever follow the same one.
"""

import secrets
from typing import Self

from django.conf import settings
from django.db import models

from audit.chain import first_hash


class ChainHead(models.Model):
    """Where the chain ends. `verified_…` is what the last look at the whole of it found."""

    chain = models.CharField(max_length=32, help_text="which chain this is, of all sites")
    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64)
    entry_id = models.BigIntegerField(default=0, help_text="the number of the newest entry")
    verified_seq = models.BigIntegerField(default=0)
    verified_hash = models.CharField(max_length=64, blank=True)
    verified_entry = models.BigIntegerField(default=0)
    verified_at = models.DateTimeField(null=True)
    verified_wrong = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"chain {self.chain} to {self.seq}"

    @classmethod
    def locked(cls) -> Self:
        """The head, held until the transaction ends."""
        head = cls.objects.select_for_update().filter(pk=1).first()
        return head or cls.begun()

    @classmethod
    def begun(cls) -> Self:
        """A chain of its own for a new database."""
        chain = secrets.token_hex(16)
        return cls.objects.create(pk=1, chain=chain, hash=first_hash(chain))

    def moved_to(self, seq: int, hash_: str, entry_id: int) -> None:
        type(self).objects.filter(pk=self.pk).update(seq=seq, hash=hash_, entry_id=entry_id)


class Archive(models.Model):
    """A sealed file with the records from `first_seq` to `last_seq`. Records leave the tables only while
    their archive is `letting_go`: the one case in which the trigger lets them."""

    name = models.CharField(max_length=120, unique=True)
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField(unique=True)
    previous = models.CharField(max_length=64)
    last_hash = models.CharField(max_length=64)
    last_entry = models.BigIntegerField(default=0)
    entries = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64)
    before = models.DateTimeField()
    made_at = models.DateTimeField(auto_now_add=True)
    letting_go = models.BooleanField(default=False)

    class Meta:
        ordering = ["first_seq"]

    def __str__(self) -> str:
        return self.name


class Name(models.Model):
    """A name that stands in the record, so that looking for a part of one reads few rows."""

    class Kind(models.TextChoices):
        ACTOR = "actor", "Actor"
        ACTION = "action", "Action"
        TARGET = "target", "Target"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    text = models.CharField(max_length=150)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "text"], name="audit_name_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.text}"

    @classmethod
    def kept(cls, **texts: str) -> None:
        names = [Name(kind=kind, text=text) for kind, text in texts.items() if text]
        Name.objects.bulk_create(names, ignore_conflicts=True)


class Stream(models.Model):
    """A place that is told of every record. `seq` is the last that it has; the rest is still to come."""

    name = models.CharField(max_length=20, unique=True)
    seq = models.BigIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    failure = models.TextField(blank=True)
    next_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} to {self.seq}"


class SavedView(models.Model):
    """Filters of the audit page that a person has given a name."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="audit_views")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="audit_view_once")]

    def __str__(self) -> str:
        return self.name
