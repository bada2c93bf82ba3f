"""What tests share: a site of their own folders, a user, and one built guest for the whole session."""

import gc
import os
from pathlib import Path

import hypothesis
import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import connection
from django.db.models.signals import post_migrate

from audit import triggers
from audit.models import Via
from audit.services import Actor
from bases.services import Facts, Source, base_register
from hosts import services as host_services
from hosts.drivers.build import BuiltGuest, build_guest
from tests.support.daemons import Postgres, Redis, postgres_programs, redis_program
from tests.support.known_images import asked_once, image_at
from tests.support.site import Site

# No example is timed: a shared machine may be slow at any of them.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# Begun first, so that none of them is left to run alone at the end
LONGEST = {"test_the_server", "test_odd_scripts", "test_pages_look", "test_newcomer", "test_canaries"}


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What is imported and collected stays: looking through it for garbage is a tenth of the tests' time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_configure():
    """Each test's client would look through all static files at its first request; a served site does."""
    from django.conf import settings

    settings.WHITENOISE_AUTOREFRESH = True


def pytest_collection_modifyitems(items):
    """What takes a minute and more runs where it is asked for: `COWWEB_LONG_TESTS=1`."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)
    if not os.environ.get("COWWEB_LONG_TESTS"):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="long: set COWWEB_LONG_TESTS=1"))


@pytest.fixture(scope="session")
def django_db_use_migrations() -> bool:
    """Tables come at once from the models, as every worker makes them anew. The steps are taken by each site
    that tests serve, on SQLite and on PostgreSQL."""
    return False


@pytest.fixture(scope="session")
def permissions_not_kept():
    """Django's rows of what may be permitted, made anew after every test whose tables are cleared: nobody is
    given one here, as roles decide."""
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    post_migrate.disconnect(create_contenttypes)


@pytest.fixture(scope="session")
def django_db_setup(permissions_not_kept, django_db_setup, django_db_blocker):
    """Tests clear their tables, which the record refuses; `guarded` is for those that are about it."""
    with django_db_blocker.unblock():
        triggers.dropped(connection, triggers.LETTING_GO)


@pytest.fixture
def guarded(db):
    """The record as it is outside of tests: nothing leaves it."""
    triggers.created(connection)
    yield
    triggers.dropped(connection, triggers.LETTING_GO)


@pytest.fixture(scope="session")
def guest_cache() -> Path:
    """Where built guests are kept between runs, outside the checkout."""
    from django.conf import settings

    return Path(settings.COWWEB_CACHE)


@pytest.fixture(scope="session")
def tiny_guest(guest_cache) -> BuiltGuest:
    """A guest that logs in within seconds; built once, then taken from the cache."""
    return build_guest("tiny", cache=guest_cache, progress=print)


@pytest.fixture(scope="session")
def served(tmp_path_factory, tiny_guest, guest_cache):
    """A site served by its own processes, with the demo base. One for the whole session."""
    made = Site(tmp_path_factory.mktemp("served") / "data", guest_cache)
    try:
        made.up()
        yield made
    finally:
        made.end()


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


@pytest.fixture(autouse=True)
def quick_passwords(request):
    """The real hasher takes its time on purpose; no test is about that."""
    if "db" in request.fixturenames or request.node.get_closest_marker("django_db"):
        request.getfixturevalue("settings").PASSWORD_HASHERS = [
            "django.contrib.auth.hashers.MD5PasswordHasher"
        ]


@pytest.fixture(autouse=True)
def nothing_remembered():
    """What one test asked for too often is no reason to slow the next, and its rows are gone."""
    cache.clear()
    ContentType.objects.clear_cache()


@pytest.fixture
def site(settings, tmp_path):
    """Fresh folders for everything the site owns; the driver is made anew for them."""
    settings.COWWEB_DATA = tmp_path / "data"
    settings.COWWEB_STORE = settings.COWWEB_DATA / "store"
    settings.COWWEB_ARRIVALS = settings.COWWEB_DATA / "arrivals"
    settings.COWWEB_CLONES = settings.COWWEB_DATA / "clones"
    settings.COWWEB_TEMPLATES = settings.COWWEB_DATA / "templates"
    settings.COWWEB_MEMORY = settings.COWWEB_DATA / "memory"
    settings.COWWEB_LAYERS = settings.COWWEB_DATA / "layers"
    settings.COWWEB_IMPORT_FOLDERS = [settings.COWWEB_DATA / "import"]
    for folder in (settings.COWWEB_STORE, settings.COWWEB_CLONES, *settings.COWWEB_IMPORT_FOLDERS):
        folder.mkdir(parents=True)
    host_services.local_driver.cache_clear()
    yield settings
    host_services.local_driver.cache_clear()


@pytest.fixture
def admin(db) -> User:
    return User.objects.create_superuser("admin", password="a-long-password")


@pytest.fixture
def member(db) -> User:
    return User.objects.create_user("mia", password="a-long-password")


@pytest.fixture
def actor(admin) -> Actor:
    return Actor(user=admin, via=Via.SHELL)


@pytest.fixture
def member_actor(member) -> Actor:
    return Actor(user=member, via=Via.WEB)


@pytest.fixture
def image(site):
    return image_at(site.COWWEB_IMPORT_FOLDERS[0] / "disk.qcow2", "16M")


@pytest.fixture
def demo(image, actor):
    """A base whose disk is empty."""
    with asked_once():
        return base_register(
            name="demo", source=Source(image), facts=Facts(memory_mb=64, cpus=1), actor=actor
        )
