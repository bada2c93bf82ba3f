"""How people sign in: tries that are counted, what they have beside a password, where they are signed in.

Signing in::

    password ─┬──────────────────────────► signed in: a visit
    sign-on ──┼─► code or passkey ───────►
              └─► none, and it is required: sets one up ─►
    passkey ─────────────────────────────►
"""

from django.conf import settings
from django.db import models


class Attempt(models.Model):
    """One try at a secret. `key` is the digest of what it counts against, so no name is kept."""

    key = models.CharField(max_length=64)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["key", "at"], name="attempts_by_key"), models.Index(fields=["at"])]

    def __str__(self) -> str:
        return f"attempt {self.pk}"


class VisitQuerySet(models.QuerySet["Visit"]):
    def for_list(self) -> "VisitQuerySet":
        return self.order_by("-seen_at", "-pk")


class Visit(models.Model):
    """A browser that someone is signed in with. It goes with its session."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="visits")
    session_key = models.CharField(max_length=40, unique=True)
    method = models.CharField(max_length=40)
    address = models.CharField(max_length=64, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    began_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField()

    objects = VisitQuerySet.as_manager()

    def __str__(self) -> str:
        return f"visit {self.pk}"


class Totp(models.Model):
    """The secret that someone's phone shares with the site, sealed with the site's key."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="totp")
    sealed = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)
    last_step = models.BigIntegerField(default=0, help_text="of the last code taken: none is good twice")

    def __str__(self) -> str:
        return f"authenticator app of {self.user_id}"


class RecoveryCode(models.Model):
    """Good once, instead of a code from the phone. Only the digest is kept."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recovery_codes"
    )
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="a_recovery_code_once")]

    def __str__(self) -> str:
        return f"recovery code {self.pk}"


class Passkey(models.Model):
    """A public key whose private half never leaves someone's device."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="passkeys")
    name = models.CharField(max_length=63)
    credential_id = models.CharField(max_length=1400, unique=True, help_text="in hexadecimal digits")
    data = models.BinaryField(help_text="the attested credential data, as WebAuthn has it")
    sign_count = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name


class Identity(models.Model):
    """Who someone is where the site leaves the proof to another: a single sign-on or a directory."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "identities"
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="an_identity_once")]

    def __str__(self) -> str:
        return f"{self.subject} of {self.issuer}"


class SitePolicy(models.Model):
    """What the site asks of everyone; one row."""

    class SecondFactor(models.TextChoices):
        OPTIONAL = "optional", "Nobody has to"
        STAFF = "staff", "Curators and administrators"
        EVERYONE = "everyone", "Everyone"

    second_factor = models.CharField(
        max_length=10, choices=SecondFactor.choices, default=SecondFactor.OPTIONAL
    )

    class Meta:
        verbose_name_plural = "site policy"

    def __str__(self) -> str:
        return "site policy"
