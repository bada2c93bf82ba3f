"""What machines do, as it was last seen, and the hours that they ran."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from people.models import Team

FRESH = timedelta(minutes=10)


class Activity(models.Model):
    """When a clone was last at work, and what that was. `start` tells its processes apart."""

    clone = models.OneToOneField("clones.Clone", on_delete=models.CASCADE, related_name="activity")
    start = models.CharField(max_length=60)
    looked_at = models.DateTimeField()
    active_at = models.DateTimeField(db_index=True)
    what = models.CharField(max_length=80, blank=True, help_text="what kept it from being idle last")
    cpu_s = models.FloatField(default=0)
    cpu_percent = models.FloatField(default=0, help_text="of one processor, between the last two looks")
    traffic_bytes = models.PositiveBigIntegerField(default=0)
    sessions = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "activities"

    def __str__(self) -> str:
        return f"activity of {self.clone_id}"

    @property
    def is_idle(self) -> bool:
        """It does nothing, and has not for as long as the site calls idle."""
        return bool(settings.COWWEB_IDLE_HOURS) and self.active_at <= idle_since(settings.COWWEB_IDLE_HOURS)

    @property
    def is_at_work(self) -> bool:
        return self.active_at >= timezone.now() - FRESH


def idle_since(hours: float) -> datetime:
    return timezone.now() - timedelta(hours=hours)


class MachineHours(models.Model):
    """Seconds that machines ran on one day: of one person, for one team, of one base. Names are copied."""

    day = models.DateField()
    owner_name = models.CharField(max_length=150)
    team = models.ForeignKey(Team, null=True, on_delete=models.SET_NULL, related_name="machine_hours")
    team_name = models.CharField(max_length=63, blank=True)
    base_name = models.CharField(max_length=63)
    seconds = models.FloatField(default=0)

    class Meta:
        verbose_name_plural = "machine hours"
        constraints = [
            models.UniqueConstraint(
                fields=["day", "owner_name", "team_name", "base_name"], name="hours_once_a_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.base_name}"
