"""Measurements of CoWWeb on this machine: `make bench`, `make bench ONLY=disk`."""
