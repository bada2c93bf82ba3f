"""What the faults are injected into: clones whose disks are real, and the site of the whole session."""

from tests.clones.conftest import demo, made, running

__all__ = ["demo", "made", "running"]
