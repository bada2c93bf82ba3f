"""A PostgreSQL and a Redis of the tests' own, and a site on both."""

import pytest

from tests.support.daemons import Postgres, Redis, postgres_programs, redis_program
from tests.support.site import Site


@pytest.fixture(scope="session")
def postgres():
    if postgres_programs() is None:
        pytest.skip("PostgreSQL is not there: install the package postgresql")
    with Postgres() as started:
        yield started


@pytest.fixture(scope="session")
def redis():
    if redis_program() is None:
        pytest.skip("Redis is not there: install the package redis-server")
    with Redis() as started:
        yield started


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
