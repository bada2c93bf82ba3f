"""Log lines do not carry the secrets that some addresses have in them."""

import io
import logging

import pytest
from django.conf import settings
from django.test import Client
from django.utils.module_loading import import_string

from cowweb.logs import Line

SECRET = "Zk3-canary_9"


@pytest.mark.parametrize(
    "path",
    ["/join/{}/", "/join/{}/sso/", "/accounts/password/MQ/{}/", "/_cow/share/{}", "/_cow/enter/{}?x=1"],
)
def test_an_address_that_is_a_key_is_cut(path):
    record = logging.LogRecord("django.request", 30, "", 0, "Not Found: %s", (path.format(SECRET),), None)
    line = Line("{levelname} {message}", style="{").format(record)
    assert SECRET not in line
    assert line.startswith("WARNING Not Found: /") and "…" in line


def test_other_addresses_stay_as_they_are():
    record = logging.LogRecord("x", 30, "", 0, "GET /clones/join/ and /accounts/login/", (), None)
    assert Line("{message}", style="{").format(record) == "GET /clones/join/ and /accounts/login/"


@pytest.mark.django_db
def test_what_the_site_logs_of_a_refused_link_is_without_it():
    made = settings.LOGGING["formatters"]["line"]
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(import_string(made["()"])(made["format"], style=made["style"]))
    logging.getLogger("django.request").addHandler(handler)
    try:
        Client().post(f"/join/{SECRET}/", {"name": "x"})
        Client().get(f"/accounts/password/MQ/{SECRET}/")
    finally:
        logging.getLogger("django.request").removeHandler(handler)
    assert written.getvalue().count("Not Found: /") == 2
    assert SECRET not in written.getvalue()
