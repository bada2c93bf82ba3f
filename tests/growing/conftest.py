"""A site on PostgreSQL and Redis."""

import pytest

from tests.support.site import Site


@pytest.fixture(scope="session")
def grown(tmp_path_factory, tiny_guest, guest_cache, postgres, redis):
    """A site on PostgreSQL and Redis, by its settings alone."""
    data = tmp_path_factory.mktemp("grown") / "data"
    made = Site(data, guest_cache, DATABASE_URL=postgres.made("site"), REDIS_URL=redis.url)
    try:
        made.up()
        yield made
    finally:
        made.end()
