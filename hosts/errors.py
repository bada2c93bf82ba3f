"""What the layers above may catch when a host said no; the drivers' own tree, by its one public name."""

from hosts.drivers.errors import DriverError

__all__ = ["DriverError"]
