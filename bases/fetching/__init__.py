"""Fetching an image from an address that a user typed, without being led into our own network.

https only, no names or passwords in the address, every address of the host public, the one that was checked
is the one that is connected to, each redirect is looked at as the first address was, and nothing is taken
past the limit.

Example::

    fetched(url, path, Limits(most_bytes=10**10), on_progress=print)     # Fetched(final_url, bytes)
"""

from bases.fetching.download import Fetched, Limits, Stopped, fetched, small_fetched
from bases.fetching.network import FetchError, Network, internet

__all__ = ["FetchError", "Fetched", "Limits", "Network", "Stopped", "fetched", "internet", "small_fetched"]
