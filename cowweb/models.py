"""The doorbell's rows; see `cowweb.live`."""

from django.db import models


class Ring(models.Model):
    """One ring of a topic, for processes that do not share a channel layer with the ringer."""

    topic = models.CharField(max_length=100)
    sender = models.CharField(max_length=60)

    def __str__(self) -> str:
        return self.topic
