"""Copy-on-write clones.

A clone's status::

    creating ──► starting ──► running ◄──► paused
       │            │  ▲         │            │
       │            │  │         ▼            │
       │            │  ├──────── (reset) ◄────┤   (its guest rebooted)
       │            │  └────── stopping ◄─────┘
       │            │            │
       │            ▼            ▼
       ├────────► failed ◄─── (stopped) ──► starting
       │            │            │
       └──► stopped │            │          (no_start)
                    ▼            ▼
                 removing ──► removed
                    │            ▲
                    └──► binned ─┘   (its disk is kept for a while; `undelete` makes it stopped again)
"""

from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Q

from bases.models import BaseRevision
from clones.activity_models import Activity, MachineHours
from clones.chain_models import DiskTask, Layer
from clones.file_models import FileCopy
from clones.lease_models import Binned, Lease, LeasePolicy
from clones.querysets import CloneQuerySet
from clones.share_models import Share
from clones.snapshot_models import Snapshot
from hosts.models import Host
from people.models import Team
from pools.models import Template

__all__ = [
    "Activity",
    "Binned",
    "Clone",
    "DiskTask",
    "FileCopy",
    "Layer",
    "Lease",
    "LeasePolicy",
    "MachineHours",
    "Share",
    "Snapshot",
]


class Clone(models.Model):
    """One machine whose disk is a thin layer over a base revision."""

    class Status(models.TextChoices):
        CREATING = "creating", "Creating"
        STARTING = "starting", "Starting"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        STOPPING = "stopping", "Stopping"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Failed"
        REMOVING = "removing", "Removing"
        REMOVED = "removed", "Removed"
        BINNED = "binned", "In the bin"

    class Way(models.TextChoices):
        """How a clone came to run."""

        COLD = "cold", "Cold boot"
        MEMORY = "memory", "Memory clone"
        SPARE = "spare", "Warm spare"
        SAVED = "saved", "Saved memory"
        LIVE = "live", "Live branch"

    MOVES = {
        Status.CREATING: {Status.STARTING, Status.STOPPED, Status.FAILED, Status.REMOVING},
        Status.STARTING: {Status.RUNNING, Status.FAILED, Status.STOPPING, Status.REMOVING},
        Status.RUNNING: {
            Status.PAUSED,
            Status.STARTING,  # its guest rebooted, and it cannot boot again by itself
            Status.STOPPING,
            Status.STOPPED,
            Status.FAILED,
            Status.REMOVING,
        },
        Status.PAUSED: {
            Status.RUNNING,
            Status.STARTING,
            Status.STOPPING,
            Status.STOPPED,
            Status.FAILED,
            Status.REMOVING,
        },
        Status.STOPPING: {
            Status.STOPPED,
            Status.FAILED,
            Status.STARTING,
            Status.RUNNING,  # its memory could not be saved
            Status.PAUSED,
            Status.REMOVING,
        },
        Status.STOPPED: {Status.STARTING, Status.REMOVING, Status.FAILED},
        Status.FAILED: {Status.CREATING, Status.STARTING, Status.STOPPING, Status.STOPPED, Status.REMOVING},
        Status.REMOVING: {Status.REMOVED, Status.BINNED, Status.FAILED},
        Status.BINNED: {Status.STOPPED, Status.REMOVED},
        Status.REMOVED: set(),
    }
    GONE = [Status.REMOVED, Status.BINNED]
    RUNS = [Status.RUNNING, Status.PAUSED]
    ACTIVE = [Status.STARTING, Status.RUNNING, Status.PAUSED, Status.STOPPING]

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    name = models.CharField(max_length=63)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="clones")
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="clones")
    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="clones")
    revision = models.ForeignKey(BaseRevision, on_delete=models.PROTECT, related_name="clones")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.CREATING)
    failure = models.TextField(blank=True)
    failure_detail = models.TextField(blank=True, help_text="what the machine said last")
    note = models.CharField(
        max_length=300, blank=True, help_text="what happened to it unasked, or is happening"
    )
    memory_mb = models.PositiveIntegerField()
    cpus = models.PositiveIntegerField()
    ports = models.JSONField(default=list, help_text="guest TCP ports that are forwarded")
    egress_ports = models.JSONField(
        null=True, default=None, help_text="TCP ports it may connect to; null: to everything but the host"
    )
    denied_attempts = models.PositiveBigIntegerField(default=0, help_text="since it was started")
    denied = models.JSONField(default=dict, help_text="{address:port/protocol: attempts}, not every one")
    way = models.CharField(max_length=10, choices=Way.choices, default=Way.COLD)
    way_asked = models.CharField(max_length=10, choices=Way.choices, blank=True)
    way_reason = models.CharField(max_length=300, blank=True, help_text="why it did not come quicker")
    template = models.ForeignKey(
        Template, null=True, blank=True, on_delete=models.PROTECT, related_name="clones"
    )
    saved_at = models.DateTimeField(null=True, help_text="when its memory went to disk, to be restored")
    saved_bytes = models.PositiveBigIntegerField(default=0)
    saved_ms = models.FloatField(null=True, help_text="how long saving took")
    saved_fingerprint = models.CharField(max_length=64, blank=True)
    layer = models.ForeignKey(Layer, null=True, blank=True, on_delete=models.PROTECT, related_name="clones")
    has_agent = models.BooleanField(
        default=False, help_text="our agent is in its disk, wherever that came from"
    )
    untouched = models.CharField(
        max_length=80, blank=True, help_text="its disk's file while nothing is in it"
    )
    busy = models.CharField(max_length=160, blank=True, help_text="who works on its disk: kind:id")
    moment_ms = models.FloatField(null=True, help_text="a live branch: writing its parent's moment down")
    pause_ms = models.FloatField(null=True, help_text="of that, how long its parent stood still")
    identity_ms = models.FloatField(null=True)
    identity_verified = models.BooleanField(default=False)
    disk_ms = models.FloatField(null=True)
    start_ms = models.FloatField(null=True)
    ready_ms = models.FloatField(null=True)
    record = models.JSONField(null=True, help_text="the process that is this machine")
    forwards = models.JSONField(default=list, help_text="[[guest port, port on 127.0.0.1], …]")
    login_public = models.TextField(blank=True)
    host_public = models.TextField(blank=True)
    disk_bytes = models.PositiveBigIntegerField(default=0, help_text="allocated for this layer")
    start_asked = models.BooleanField(default=True)
    starts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    started_at = models.DateTimeField(null=True)
    ready_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)

    is_usable = True  # for whoever reads a list of them; `clones.pages.usable` says so of each

    objects = CloneQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["name"],
                condition=~Q(status__in=["removed", "binned"]),
                name="name_unique_among_live_clones",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["running", "paused"]) | Q(record__isnull=False),
                name="running_clone_has_a_process",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["running", "paused"]) | Q(saved_at__isnull=True),
                name="running_clone_has_no_saved_memory",
            ),
        ]
        indexes = [
            models.Index(fields=["status", "-id"]),
            models.Index(fields=["owner", "-id"]),
            # sums over all clones are read from these alone, without the clones' rows
            models.Index(fields=["owner", "team", "status", "memory_mb", "disk_bytes"], name="clones_held"),
            models.Index(fields=["revision", "status", "disk_bytes"], name="clones_of_revision"),
            models.Index(fields=["name", "status", "owner"], name="clones_found"),  # by a part of their name
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def folder(self) -> Path:
        """Its own folder, never used for another clone: keys, sockets, logs and disk."""
        return Path(settings.COWWEB_CLONES) / self.uuid.hex[:12]

    @property
    def disk(self) -> Path:
        return self.folder / f"{self.name}.qcow2"

    @property
    def saved_memory(self) -> Path:
        """The memory that was taken to disk; there while `saved_at` says so."""
        return self.folder / "memory.state"

    @property
    def moment(self) -> Path:
        """Where its parent's memory is written down, until the live branch that it is has loaded it."""
        return Path(settings.COWWEB_MEMORY) / f"{self.uuid.hex[:12]}.moment"

    @property
    def below(self) -> Path:
        """What its disk stands on directly."""
        on = self.layer or self.template or self.revision
        return on.disk

    @property
    def layers(self) -> list[Layer]:
        """The layers under its disk, from the top."""
        found, layer = [], self.layer
        while layer is not None:
            found.append(layer)
            layer = layer.parent
        return found

    @property
    def grounds(self) -> Template | None:
        """The template that its chain goes through, if it does."""
        layers = self.layers
        return layers[-1].template if layers else self.template

    @property
    def depth(self) -> int:
        """Files over the base: its own, the layers', the template's."""
        return 1 + len(self.layers) + (self.grounds is not None)

    @property
    def is_active(self) -> bool:
        return self.status in self.ACTIVE

    @property
    def ssh_port(self) -> int | None:
        return next((host for guest, host in self.forwards if guest == 22), None)

    @property
    def key_path(self) -> Path:
        return self.folder / "login_key"

    @property
    def ssh_command(self) -> str:
        if self.ssh_port is None:
            return ""
        return f"ssh -i {self.key_path} -p {self.ssh_port} {self.revision.base.ssh_user}@127.0.0.1"

    @property
    def phases(self) -> list[dict[str, object]]:
        """Where its milliseconds went, for the phase bar."""
        return [{"name": name, "ms": ms, "state": "done"} for name, ms in self.timed if ms is not None]

    @property
    def timed(self) -> list[tuple[str, float | None]]:
        return [
            ("moment", self.moment_ms if self.way == self.Way.LIVE else None),
            ("disk", self.disk_ms),
            ("start", self.start_ms),
            # one that boots again gets its identity as it boots
            ("identity", None if self.way == self.Way.COLD else self.identity_ms),
            ("ready", self.ready_ms),
        ]

    @property
    def total_ms(self) -> float | None:
        """What its machine took until its guest answered."""
        return None if self.ready_ms is None else sum(float(str(phase["ms"])) for phase in self.phases)

    @property
    def asked_ms(self) -> float | None:
        """The same with the site's own work, from when it was asked for; None for one that booted."""
        if self.ready_at is None or self.way not in (self.Way.MEMORY, self.Way.SPARE, self.Way.LIVE):
            return None
        return (self.ready_at - self.created_at).total_seconds() * 1000
