"""The site's door to the browser: production settings, headers of every page, how often one may ask."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.cache import cache

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = (
    "/",
    "/bases/",
    "/clones/",
    "/runs/",
    "/runs/new/",
    "/scripts/",
    "/people/",
    "/hosts/",
    "/audit/",
    "/nowhere/",
)
PRODUCTION = {
    "COWWEB_HTTPS": "1",
    "COWWEB_ALLOWED_HOSTS": "cow.example.org",
    "COWWEB_GUEST_DOMAIN": "guests.example.net",
}
INLINE = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>|<style|\sstyle=|\son[a-z]+=|javascript:", re.IGNORECASE)


def checked_for_deployment(tmp_path, **changes):
    argv = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    env = {**os.environ, **PRODUCTION, "COWWEB_DATA": str(tmp_path / "data"), **changes}
    return subprocess.run(argv, cwd=CHECKOUT, env=env, capture_output=True, text=True)


def test_the_production_settings_are_without_a_warning(tmp_path):
    done = checked_for_deployment(tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "System check identified no issues (0 silenced).")


def test_without_them_the_same_check_warns(tmp_path):
    done = checked_for_deployment(tmp_path, COWWEB_HTTPS="0")
    assert done.returncode == 1 and "security.W" in done.stderr


@pytest.mark.parametrize("path", [*PAGES, "/admin/", "/accounts/login/"])
def test_no_page_needs_or_allows_inline_script_or_style(site, admin, client, path):
    if path != "/accounts/login/":
        client.force_login(admin)
    page = client.get(path)
    policy = page["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy and "object-src 'none'" in policy
    assert (page["X-Frame-Options"], page["X-Content-Type-Options"]) == ("DENY", "nosniff")
    assert page["Referrer-Policy"] == "same-origin"
    if not path.startswith("/admin/"):
        assert INLINE.findall(page.content.decode()) == []


@pytest.fixture
def slow(settings, site):
    settings.COWWEB_COMMANDS_PER_MINUTE = settings.COWWEB_COSTLY_PER_MINUTE = 3
    cache.clear()
    yield settings
    cache.clear()


def test_who_sends_too_many_commands_is_told_when_to_ask_again(slow, admin, member, client, monkeypatch):
    monkeypatch.setattr("cowweb.pace.time.time", lambda: 1_000_000_020.0)  # not at a minute's end
    client.force_login(admin)
    body = json.dumps({"command": "list"})
    answers = [client.post("/api/command/", body, content_type="application/json") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json()["code"] == "too_many" and 0 < int(answers[3]["Retry-After"]) <= 60
    assert client.get("/clones/").status_code == 200  # looking goes on
    client.force_login(member)
    assert client.post("/api/command/", body, content_type="application/json").status_code == 200


def test_costly_pages_are_counted_for_themselves(slow, admin, client, monkeypatch):
    monkeypatch.setattr("cowweb.pace.time.time", lambda: 1_000_000_020.0)
    client.force_login(admin)
    assert [client.get("/commands/complete/?command=cl").status_code for _ in range(4)] == [
        200,
        200,
        200,
        429,
    ]
    answer = client.post("/api/command/", json.dumps({"command": "list"}), content_type="application/json")
    assert answer.status_code == 200


def test_a_body_larger_than_any_form_is_refused(site, admin, client):
    client.force_login(admin)
    body = json.dumps({"command": "x" * (5 << 20)})
    assert client.post("/api/command/", body, content_type="application/json").status_code in (400, 413)
