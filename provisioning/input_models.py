"""What people send to a script's standard input while it runs."""

from django.db import models


class RunInput(models.Model):
    """One piece, until the run has ended; sealed, as it may be a password."""

    run = models.ForeignKey("Run", on_delete=models.CASCADE, related_name="inputs")
    sealed = models.BinaryField()
    shown = models.BooleanField(default=True, help_text="whether the log repeats it")
    ends = models.BooleanField(default=False, help_text="nothing comes after it")
    sent_by = models.CharField(max_length=150)
    sent_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"input {self.pk} of run {self.run_id}"
