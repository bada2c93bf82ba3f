"""How much a person or a team may use, and requests for more.

A request's state::

    asked ──► approved ──► ended      (by its time, or taken back)
      ├─────► refused
      └─────► withdrawn
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from cowweb.wording import until_words
from people.models import Team


class Quota(models.TextChoices):
    """What is counted. A team's machine counts for who made it and for the team."""

    CLONES = "clones", "Clones"
    RUNNING = "running", "Running clones"
    VCPUS = "vcpus", "CPUs of running clones"
    MEMORY = "memory", "Memory of running clones"
    DISK = "disk", "Disk of clones"
    SPARES = "spares", "Spares"
    RUN_MINUTES = "run_minutes", "Run minutes this month"


class Account(models.Model):
    """Whose use is counted and limited. Two more rows, of nobody, hold what the site gives by default.

    A service that lets someone use more locks the row first, so that who asks at the same time waits.
    """

    class Kind(models.TextChoices):
        PERSON = "person", "Person"
        TEAM = "team", "Team"
        PEOPLE = "people", "Each person"
        TEAMS = "teams", "Each team"

    DEFAULTS = {Kind.PERSON: Kind.PEOPLE, Kind.TEAM: Kind.TEAMS}

    kind = models.CharField(max_length=6, choices=Kind.choices)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="quota_account"
    )
    team = models.OneToOneField(Team, null=True, on_delete=models.CASCADE, related_name="quota_account")
    limits = models.JSONField(
        default=dict, help_text="{quota: most}; null is no limit, what is missing is the site's default"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="person", user__isnull=False, team__isnull=True)
                | Q(kind="team", user__isnull=True, team__isnull=False)
                | Q(kind__in=["people", "teams"], user__isnull=True, team__isnull=True),
                name="quota_account_is_of_one",
            ),
            models.UniqueConstraint(
                fields=["kind"], condition=Q(kind__in=["people", "teams"]), name="one_default_of_a_kind"
            ),
        ]

    def __str__(self) -> str:
        if self.user:
            return self.user.get_username()
        return f"team {self.team.name}" if self.team else f"{self.get_kind_display().lower()}"

    @property
    def target(self) -> str:
        """As the record names it."""
        if self.user:
            return f"user:{self.user.get_username()}"
        return f"team:{self.team.name}" if self.team else f"quota:{self.kind}"


class RaiseQuerySet(models.QuerySet["Raise"]):
    def in_force(self) -> "RaiseQuerySet":
        """Its time alone ends one, whether anyone looks or not."""
        return self.filter(state=Raise.State.APPROVED, until__gt=timezone.now())

    def waiting(self) -> "RaiseQuerySet":
        return self.filter(state=Raise.State.ASKED, until__gt=timezone.now())

    def for_list(self) -> "RaiseQuerySet":
        related = ("account__user", "account__team", "asked_by", "decided_by")
        return self.select_related(*related).order_by("-pk")


class Raise(models.Model):
    """A request for more of one quota until a day, and what became of it."""

    class State(models.TextChoices):
        ASKED = "asked", "Asked"
        APPROVED = "approved", "Approved"
        REFUSED = "refused", "Refused"
        WITHDRAWN = "withdrawn", "Withdrawn"
        ENDED = "ended", "Ended"

    MOVES = {
        State.ASKED: {State.APPROVED, State.REFUSED, State.WITHDRAWN},
        State.APPROVED: {State.ENDED},
    }

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="raises")
    quota = models.CharField(max_length=12, choices=Quota.choices)
    most = models.PositiveBigIntegerField(help_text="the limit that is asked for")
    why = models.CharField(max_length=500)
    until = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.ASKED)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=500, blank=True)

    objects = RaiseQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["state", "until"])]

    def __str__(self) -> str:
        return f"request {self.pk}"

    @property
    def kind_words(self) -> str:
        """The quota within a sentence: what is written in capitals stays so."""
        label = str(self.get_quota_display())
        return label if label[:2].isupper() else label[0].lower() + label[1:]

    @property
    def until_words(self) -> str:
        return until_words(self.until)
