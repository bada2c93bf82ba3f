"""Ways for a browser to a clone's port: links that can be given away, until they expire or are revoked.

A link's life::

    live ──► expired        (its time is over)
      └────► revoked
"""

import secrets

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from clones.models import Clone

NONCE_BYTES = 16


def fresh_nonce() -> str:
    return secrets.token_urlsafe(NONCE_BYTES)


class ShareLinkQuerySet(models.QuerySet["ShareLink"]):
    def live(self) -> "ShareLinkQuerySet":
        return self.filter(revoked_at=None, expires_at__gt=timezone.now())


class ShareLink(models.Model):
    """Lets whoever has its address use one port of one clone, and nothing else."""

    clone = models.ForeignKey(Clone, on_delete=models.CASCADE, related_name="links")
    port = models.PositiveIntegerField()
    nonce = models.CharField(max_length=32, default=fresh_nonce, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    visits = models.PositiveIntegerField(default=0, help_text="times that someone came in by it")
    visited_at = models.DateTimeField(null=True)

    objects = ShareLinkQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(port__gte=1, port__lte=65535), name="link_port_is_a_port")
        ]
        indexes = [models.Index(fields=["clone", "-id"])]

    def __str__(self) -> str:
        return f"link {self.pk}"

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and self.expires_at > timezone.now()
