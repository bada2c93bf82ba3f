"""Base images: curated, inspected, immutable.

A base's status is what its current revision, the one that its bare name means, is::

    provisioning ──► ready ◄──► deprecated
         │
         └─────────► failed ──► provisioning   (registered again)

A revision's stage, moved by `bases.life` alone::

    draft ──► inspected ──► approved ◄──► deprecated
      │           │             │            │  ▲
      └───────────┴─────────────┴─► retired ◄┘  │   (taken back while its file is kept)
                                       └────────┘
"""

from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from bases.import_models import Import
from bases.life_models import AliasMove, BaseAlias, RevisionMove, Stage
from cowweb.roles import sees_everything
from people.models import Team
from people.rights import SEE, teams_giving

__all__ = ["AliasMove", "BaseAlias", "BaseImage", "BaseRevision", "Import", "RevisionMove", "Stage", "stored"]
LIVE_CLONE_STATES_EXCLUDE = "removed"
RETIRED = " is retired"


class BaseImageQuerySet(models.QuerySet["BaseImage"]):
    def usable(self) -> "BaseImageQuerySet":
        """Those a clone can be made of."""
        return self.filter(status__in=[BaseImage.Status.READY, BaseImage.Status.DEPRECATED])

    def visible_to(self, user: User | None) -> "BaseImageQuerySet":
        """Those open to everyone, to a team of the user's, or made by the user; all for who sees all."""
        if user is None or sees_everything(user):
            return self
        theirs = self.model.teams.through.objects.filter(team__in=teams_giving(user, SEE))
        return self.filter(Q(for_everyone=True) | Q(created_by=user) | Q(pk__in=theirs.values("baseimage")))

    def for_list(self) -> "BaseImageQuerySet":
        """With how many clones there are of each, counted only for those that are shown."""
        live = Count("clones", filter=~Q(clones__status=LIVE_CLONE_STATES_EXCLUDE))
        revisions = BaseRevision.objects.filter(base=OuterRef("pk")).order_by().values("base")
        count = Coalesce(Subquery(revisions.annotate(live=live).values("live")), 0)
        return self.select_related("current").annotate(live_clones=count).order_by("name")


class BaseImage(models.Model):
    """A named line of revisions, and the machine its clones get unless they ask for another."""

    class Status(models.TextChoices):
        PROVISIONING = "provisioning", "Provisioning"
        READY = "ready", "Ready"
        DEPRECATED = "deprecated", "Deprecated"
        FAILED = "failed", "Failed"

    class Releases(models.TextChoices):
        STABLE = "stable", "stable: the bare name"
        NEXT = "next", "next: for a curator to move"

    MOVES = {
        Status.PROVISIONING: {Status.READY, Status.FAILED},
        Status.READY: {Status.DEPRECATED},
        Status.DEPRECATED: {Status.READY},
        Status.FAILED: {Status.PROVISIONING},
    }

    name = models.CharField(max_length=63, unique=True)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.PROVISIONING)
    failure = models.TextField(blank=True)
    description = models.TextField(blank=True)
    os = models.CharField("operating system", max_length=80, blank=True)
    ssh_user = models.CharField("SSH user", max_length=32, default="root")
    memory_mb = models.PositiveIntegerField("memory (MiB)", default=2048, validators=[MinValueValidator(16)])
    cpus = models.PositiveIntegerField("CPUs", default=2, validators=[MinValueValidator(1)])
    rexx_installed = models.BooleanField("REXX installed", default=False)
    metadata = models.JSONField(default=dict, blank=True)
    current = models.ForeignKey(
        "BaseRevision", null=True, blank=True, on_delete=models.PROTECT, related_name="current_of"
    )
    source = models.CharField(max_length=1024, blank=True, help_text="where the image being imported lies")
    importer = models.CharField(
        max_length=120, blank=True, help_text="the process that imports it, while it is provisioning"
    )
    for_everyone = models.BooleanField(
        "open to everyone", default=True, help_text="otherwise to the teams below, and to curators"
    )
    teams = models.ManyToManyField(Team, blank=True, related_name="bases")
    releases = models.CharField(
        "new revisions become",
        max_length=10,
        choices=Releases.choices,
        default=Releases.STABLE,
        help_text="what an approved revision becomes at once",
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = BaseImageQuerySet.as_manager()

    class Meta:
        verbose_name = "base image"
        constraints = [
            models.CheckConstraint(
                condition=~Q(status__in=["ready", "deprecated"]) | Q(current__isnull=False),
                name="usable_base_has_a_revision",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def newest(self) -> "BaseRevision | None":
        return self.revisions.last()

    @property
    def awaits_approval(self) -> bool:
        return self.revisions.filter(stage__in=[Stage.DRAFT, Stage.INSPECTED]).exists()

    @property
    def shown_status(self) -> tuple[str, str]:
        """For pages, which say more than the contract's four words do."""
        if self.status == self.Status.FAILED and self.failure.endswith(RETIRED):
            return "retired", "Retired"
        if self.status == self.Status.PROVISIONING and self.awaits_approval:
            return "inspected", "Awaits approval"
        return self.status, self.get_status_display()


class BaseRevision(models.Model):
    """One image file of a base: identified by its digest, never changed."""

    class BootKind(models.TextChoices):
        BIOS = "bios", "BIOS firmware"
        UEFI = "uefi", "UEFI firmware"
        KERNEL = "kernel", "Kernel and initrd kept beside it"

    class Seed(models.TextChoices):
        FW_CFG = "fw_cfg", "First-boot hook (firmware configuration)"
        NOCLOUD = "nocloud", "cloud-init (NoCloud volume)"

    MOVES = {
        Stage.DRAFT: {Stage.INSPECTED, Stage.RETIRED},
        Stage.INSPECTED: {Stage.APPROVED, Stage.RETIRED},
        Stage.APPROVED: {Stage.DEPRECATED, Stage.RETIRED},
        Stage.DEPRECATED: {Stage.APPROVED, Stage.RETIRED},
        Stage.RETIRED: {Stage.DEPRECATED},
    }
    CLONED = [Stage.APPROVED, Stage.DEPRECATED]

    base = models.ForeignKey(BaseImage, on_delete=models.PROTECT, related_name="revisions")
    number = models.PositiveIntegerField()
    # Every import says `draft`; what there was before stages was approved by whoever registered it
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.APPROVED)
    successor = models.CharField(
        max_length=130, blank=True, help_text="what to use instead, once deprecated: name or name@revision"
    )
    origin = models.CharField(max_length=2048, blank=True, help_text="where the image came from")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    digest = models.CharField(max_length=64, help_text="sha256 of the image file")
    virtual_size = models.PositiveBigIntegerField(help_text="bytes the guest sees")
    file_size = models.PositiveBigIntegerField(help_text="bytes of the image file")
    boot_kind = models.CharField(max_length=10, choices=BootKind.choices, default=BootKind.BIOS)
    kernel_digest = models.CharField(max_length=64, blank=True)
    initrd_digest = models.CharField(max_length=64, blank=True)
    cmdline = models.CharField(max_length=1000, blank=True)
    seed = models.CharField(max_length=10, choices=Seed.choices, default=Seed.FW_CFG)
    created_at = models.DateTimeField(auto_now_add=True)
    verified_at = models.DateTimeField(null=True)
    identity = models.CharField(
        max_length=120, blank=True, help_text="of the image file, as it was when it had its digest"
    )
    intact = models.BooleanField(default=True, help_text="whether the file still matched when last verified")
    file_removed_at = models.DateTimeField(null=True, help_text="when its file left the store, retired")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["base", "number"], name="revision_number_once_per_base")
        ]
        ordering = ["base", "number"]

    def __str__(self) -> str:
        return f"{self.base.name}@{self.number}"

    @property
    def is_cloned(self) -> bool:
        """Whether clones can be made of it, as far as its curators are concerned."""
        return self.stage in self.CLONED

    @property
    def disk(self) -> Path:
        return stored(self.digest, "qcow2")

    @property
    def kernel(self) -> Path | None:
        return stored(self.kernel_digest, "kernel") if self.kernel_digest else None

    @property
    def initrd(self) -> Path | None:
        return stored(self.initrd_digest, "initrd") if self.initrd_digest else None


def stored(digest: str, suffix: str) -> Path:
    """Where the store keeps a file of this digest."""
    return Path(settings.COWWEB_STORE) / f"{digest}.{suffix}"
