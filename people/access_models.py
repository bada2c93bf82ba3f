"""What lets someone in: invitations for people, tokens for programs. Of both, only the digest is kept.

An invitation::

    open ──► accepted
      ├────► withdrawn
      └────► expired      (by its time alone)
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from people.team_models import Membership, Team


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> "InvitationQuerySet":
        return self.filter(accepted_at=None, withdrawn_at=None, expires_at__gt=timezone.now())

    def for_list(self) -> "InvitationQuerySet":
        return self.select_related("team", "invited_by", "accepted_by").order_by("-pk")


class Invitation(models.Model):
    """A link that makes one person an account, or brings one who has an account into a team."""

    digest = models.CharField(max_length=64, unique=True)
    whom = models.CharField(max_length=150, blank=True, help_text="in the words of who invites")
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.CASCADE, related_name="invitations"
    )
    role = models.CharField(max_length=10, choices=Membership.Role.choices, default=Membership.Role.MEMBER)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="invitations"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    def __str__(self) -> str:
        return f"invitation {self.pk}"

    @property
    def is_open(self) -> bool:
        return not (self.accepted_at or self.withdrawn_at) and self.expires_at > timezone.now()


class TokenQuerySet(models.QuerySet["Token"]):
    def valid(self) -> "TokenQuerySet":
        """Those that open the door now: not revoked, not expired, of someone who is not disabled."""
        lasting = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        return self.filter(lasting, revoked_at=None, user__is_active=True)


class Token(models.Model):
    """A secret that a program sends with its commands. Shown once, when it is made."""

    class Scope(models.TextChoices):
        READ = "read", "Read only"
        USE = "use", "Make and use clones"
        ALL = "all", "Everything its account may do"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=63)
    digest = models.CharField(max_length=64, unique=True)
    shown = models.CharField(max_length=12, help_text="how it begins, to tell it from others")
    scope = models.CharField(max_length=5, choices=Scope.choices, default=Scope.USE)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)
    used_from = models.CharField(max_length=64, blank=True)
    revoked_at = models.DateTimeField(null=True)

    objects = TokenQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_valid(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())
