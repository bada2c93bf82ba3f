"""A signed-in person with nothing but HTTP.

Example::

    person = Person("http://127.0.0.1:9000", "admin", password)
    person.command("list_bases")["count"]
"""

import http.cookiejar
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Person:
    def __init__(self, address: str, name: str, password: str) -> None:
        self.address = address
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        found = TOKEN.search(self.get("/accounts/login/"))
        assert found
        form = {"username": name, "password": password, "csrfmiddlewaretoken": found[1]}
        self.ask("/accounts/login/", urllib.parse.urlencode(form).encode())
        assert "cowweb_session" in self.cookies

    @property
    def cookies(self) -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.jar)

    @property
    def token(self) -> str:
        return next(str(cookie.value) for cookie in self.jar if cookie.name == "csrftoken")

    def ask(self, path: str, data: bytes | None = None, *, kind: str = "", timeout_s: float = 400) -> str:
        """The body, whatever the status; signed and with the token."""
        request = urllib.request.Request(self.address + path, data=data)
        request.add_header("Origin", self.address)
        if "cowweb_session" in self.cookies:
            request.add_header("X-CSRFToken", self.token)
        if kind:
            request.add_header("Content-Type", kind)
        try:
            with self.opener.open(request, timeout=timeout_s) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode()

    def get(self, path: str) -> str:
        return self.ask(path)

    def post(self, path: str, **form: str) -> str:
        return self.ask(path, urllib.parse.urlencode(form).encode())

    def command(self, line: str) -> dict[str, Any]:
        """One command over the API: waits for its end, answers with the contract's object."""
        body = self.ask("/api/command/", json.dumps({"command": line}).encode(), kind="application/json")
        result: dict[str, Any] = json.loads(body)
        return result


def invited_in(address: str, link: str, name: str, full_name: str) -> Person:
    """Somebody who follows an invitation, makes an account there and signs in."""
    path, password = re.search(r"/join/[^/]+/", link), "a-long-password-of-theirs"
    assert path
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    with opener.open(address + path[0]) as page:
        found = TOKEN.search(page.read().decode())
    assert found
    form = {"name": name, "full_name": full_name, "password": password, "csrfmiddlewaretoken": found[1]}
    joining = urllib.request.Request(address + path[0], urllib.parse.urlencode(form).encode())
    joining.add_header("Origin", address)
    with opener.open(joining):
        return Person(address, name, password)
