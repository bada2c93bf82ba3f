"""Points in the life of a clone's disk."""

from django.db import models

from clones.chain_models import Layer


class Snapshot(models.Model):
    """A point in the life of a clone's disk, kept inside its overlay, or inside the layer that became."""

    clone = models.ForeignKey("clones.Clone", on_delete=models.CASCADE, related_name="snapshots")
    name = models.CharField(max_length=63)
    while_running = models.BooleanField(default=False, help_text="taken from a running guest")
    layer = models.ForeignKey(
        Layer,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="snapshots",
        help_text="the layer that has it inside, once the disk it was taken of became one",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["clone", "name"], name="snapshot_name_once_per_clone")]
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.clone.name}/{self.name}"
