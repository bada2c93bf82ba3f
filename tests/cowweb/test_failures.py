"""When the site fails, its page says so with the request id, also without its database."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory

from cowweb.failures import server_error


class NoUser:
    @property
    def is_authenticated(self) -> bool:
        raise RuntimeError("the database is gone")


@pytest.mark.parametrize("user", [AnonymousUser(), NoUser()], ids=["database", "no database"])
def test_the_request_id_is_on_the_page(user):
    request = RequestFactory().get("/")
    request.user, request.request_id = user, "abc123"
    response = server_error(request)
    assert response.status_code == 500
    assert "abc123" in response.text and "This is our fault" in response.text


def test_an_unexpected_error_is_answered_by_that_page(client, admin, monkeypatch):
    client.force_login(admin)
    client.raise_request_exception = False
    monkeypatch.setattr("hosts.views.list_context", lambda: 1 // 0)
    response = client.get("/hosts/")
    assert response.status_code == 500
    assert response["X-Request-ID"] in response.text


def test_an_address_that_only_takes_orders_tells_who_opens_it_so_within_the_site(client, admin):
    client.force_login(admin)
    response = client.get("/clones/_create/", headers={"accept": "text/html"})
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert "Only a button leads here" in response.text and "To the overview" in response.text
    assert client.get("/clones/_create/", headers={"accept": "application/json"}).content == b""
