"""Every kind of secret goes through a real site and a real guest, and then all that it keeps and says is
looked through: the log at its most talkative, every process, every table and file, exports, outputs."""

import http.client
import json
import re
import secrets
import stat
import urllib.parse

import pyotp
import pytest

from tests.support.canaries import Canaries, rows_of, watched
from tests.support.http import Person
from tests.support.site import Site, wait_until

pytestmark = pytest.mark.guest
SECRET = re.compile(r'<code class="secret">([^<]+)</code>')
CODE = re.compile(r"<li><code>([a-z0-9]{5}-[a-z0-9]{5})</code></li>")
SCRIPT = """#!/bin/sh
# kvm-infra-use: demo
# kvm-infra-timeout: 120
# kvm-infra-ingress-port: 8080
# kvm-infra-param: TOKEN secret
echo "got $TOKEN"; echo "err $TOKEN" >&2
echo name?
read -r line
echo "read ${#line}"
"""
SETTINGS = ("COWWEB_AUDIT_WEBHOOK_SECRET", "COWWEB_LDAP_BIND_PASSWORD", "COWWEB_OIDC_CLIENT_SECRET")
MIDDLE = "the database while the secrets are in use"


def fresh() -> str:
    return f"Canary-{secrets.token_urlsafe(24)}"


class Told(Site):
    """A site that was told every secret, and what was found meanwhile."""

    def __init__(self, data, cache) -> None:
        self.canaries, self.found = Canaries(), []
        env = {name: self.canaries.add(name, fresh()) for name in SETTINGS}
        env["COWWEB_SECRET_KEY"] = self.canaries.add("the site's key", fresh() * 2)
        super().__init__(data, cache, COWWEB_LOG_LEVEL="DEBUG", **env)

    def new(self, name: str) -> str:
        return self.canaries.add(name, fresh())

    def shown(self, name: str, page: str) -> str:
        found = SECRET.search(page)
        assert found, page[-3000:]
        return self.canaries.add(name, found[1])

    def looked_in_database(self, where: str) -> None:
        for table, text in rows_of(self.data / "db.sqlite3"):
            but = (
                ["session of mia", "session of admin"] if table in ("django_session", "people_visit") else []
            )
            self.found += self.canaries.found_in(text, f"{where}, {table}", but)

    def path(self, address: str) -> str:
        return urllib.parse.urlsplit(address).path


def doors(site: Told) -> None:
    """Invitation, password, second factor, recovery code, password link, tokens: right ones and wrong ones."""
    guest = Person.__new__(Person)
    link = site.shown("invitation", site.admin.post("/people/_invite/", whom="Mia", days="7"))
    site.canaries.secrets["invitation"] = site.path(link).split("/")[2]
    for password in ("short", site.new("first password"), fresh()):  # the last comes too late: it is used
        guest = newcomer(site, site.path(link), name="mia", password=password)
    person = Person(site.address, "mia", site.canaries.secrets["first password"])
    site.canaries.add("session of mia", person.cookies.partition("cowweb_session=")[2].split(";")[0])
    app = site.shown("authenticator", person.get("/settings/security/app/"))
    site.looked_in_database("while the authenticator is set up")
    person.post("/settings/security/app/", code="000000")
    codes = CODE.findall(person.post("/settings/security/app/", code=pyotp.TOTP(app).now()))
    for number, code in enumerate(codes):
        site.canaries.add(f"recovery code {number}", code)
    changed = {"current": site.canaries.secrets["first password"], "password": site.new("second password")}
    person.post("/settings/security/password/", **changed)
    made = person.post("/people/mia/tokens/_make/", name="ci", scope="use", days="7")
    token = site.shown("token", made)
    for secret in (token, site.new("bad token")):
        asked(site, "/api/command/", b'{"command": "list"}', Authorization=f"Bearer {secret}")
    link = site.shown("password link", site.admin.post("/people/mia/password-link/"))
    site.canaries.secrets["password link"] = site.path(link).split("/")[4]
    for password in ("short", site.new("third password"), fresh()):
        newcomer(site, site.path(link), username="mia", password=password)
    signed = newcomer(
        site, "/accounts/login/", username="mia", password=site.canaries.secrets["third password"]
    )
    signed.post("/accounts/second-factor/", code=codes[0])
    for name in ("mia", site.new("password typed as a name")):
        newcomer(site, "/accounts/login/", username=name, password=site.new(f"wrong password of {name[:3]}"))
    del guest


def newcomer(site: Told, path: str, **form: str) -> Person:
    """A browser that is not signed in posts a form."""
    person = object.__new__(Person)
    person.address, person.jar = site.address, http.cookiejar.CookieJar()
    person.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(person.jar))
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', person.get(path))
    person.post(path, csrfmiddlewaretoken=found[1] if found else "", **form)
    return person


def asked(site: Told, path: str, body: bytes | None = None, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    kind = {"Content-Type": "application/json"} if body else {}
    connection.request("POST" if body else "GET", path, body, {**kind, **headers})
    status = connection.getresponse().status
    connection.close()
    return status


def commands(site: Told) -> None:
    """Lines that hold a secret, also where they are wrong."""
    secret = site.new("secret in a line")
    site.script("secret.sh", SCRIPT)
    for line in (
        f"provision script=secret.sh parameters='TOKEN={secret}",
        f"provision script=nothing.sh parameters='--TOKEN {secret}'",
        f"provision script=secret.sh parameters='--OTHER {secret}'",
        f"clone base=demo password={secret}",
        f"clone base=demo api_token='{secret}'",
        f"send run=999999 text='{secret}' hidden=true",
    ):
        assert not site.admin.command(line)["success"]
        site.admin.post("/commands/run/", command=line)
        site.admin.get(f"/commands/complete/?command={urllib.parse.quote(line)}")
    form = {"script": SCRIPT, "param.TOKEN": secret, "memory": "lots"}
    site.admin.post("/runs/new/", **form)
    site.admin.post("/runs/parse/", **form)


def provisioned(site: Told, channel: str) -> int:
    """A whole run that is given a secret, prints it, and is sent another."""
    more = {"param.TOKEN": site.new(f"parameter by {channel}"), "interactive": "on", "channel": channel}
    run = site.order("secret.sh", SCRIPT, name=f"holds-{channel}", after="keep", **more)
    wait_until(lambda: site.run(run)["line_count"] >= 3 or site.run(run)["ended_at"], timeout_s=180)
    assert not site.run(run)["ended_at"], site.run(run)["failure"]
    site.looked_in_database(MIDDLE)
    site.admin.post(f"/runs/{run}/send/", text=site.new(f"input by {channel}"), hidden="on")
    ended = site.run_over(run)
    assert ended["status"] in ("running", "succeeded"), ended["failure"]
    return run


def shared(site: Told, vm: str) -> None:
    """A link to a port, visited; and a visit with one that is wrong."""
    for key in (site.data / "clones").rglob("login_key"):
        lines = key.read_text().splitlines()
        site.canaries.add(f"key {key.parent.name}", lines[len(lines) // 2])
    link = site.admin.command(f"share_port name={vm} port=8080")
    assert link["success"], link
    parts = urllib.parse.urlsplit(link["url"])
    token = parts.path.rpartition("/")[2]
    site.canaries.add("share link", token.rpartition(":")[2])
    for path in (parts.path, parts.path[:-1] + "x"):
        asked(site, path, Host=parts.netloc)
    site.admin.command(f"revoke_link name={vm} link={link['link']}")
    asked(site, parts.path, Host=parts.netloc)


@pytest.fixture(scope="module")
def told(tmp_path_factory, tiny_guest, guest_cache):
    site = Told(tmp_path_factory.mktemp("canaries") / "data", guest_cache)
    try:
        site.up()
        site.canaries.add(
            "session of admin", site.admin.cookies.partition("cowweb_session=")[2].split(";")[0]
        )
        site.canaries.add("the administrator's password", site.password)
        with watched(site.canaries, {site.server.pid}) as seen:
            site.template()
            doors(site)
            commands(site)
            runs = [provisioned(site, channel) for channel in ("agent", "ssh")]
            shared(site, "holds-agent")
        site.seen, site.runs = seen, runs
        yield site
    finally:
        site.end()


def test_every_canary_was_at_work(told):
    assert len(told.canaries.secrets) >= 30
    assert {"share link", "token"} <= set(told.canaries.secrets)
    assert sum(name.startswith("key ") for name in told.canaries.secrets) >= 2
    output = told.admin.get(f"/runs/{told.runs[0]}/output.txt")
    assert output.count("•••") >= 2
    assert f"read {len(told.canaries.secrets['input by agent'])}" in output
    actions = {row["action"] for row in told.rows("SELECT action FROM audit_auditentry")}
    assert {"accept_invitation", "reset_password", "open_link", "make_token", "provision"} <= actions


def test_none_is_in_the_log(told):
    assert "DEBUG" in told.env["COWWEB_LOG_LEVEL"] and " D " in told.log
    assert told.canaries.found_in(told.log, "the log") == []


def test_none_is_among_the_arguments_or_the_environment_of_a_process(told):
    assert any("qemu-system" in where for where in told.seen)
    assert len({where for where in told.seen if where.startswith("the environment")}) > 2
    assert [where for where in told.seen if where.startswith("FOUND")] == []


def test_none_is_readable_in_the_database_neither_meanwhile_nor_afterwards(told):
    told.looked_in_database("the database")
    assert told.found == []


def test_none_is_in_a_file_but_where_it_belongs_and_is_private(told):
    found = []
    for path in told.data.rglob("*"):
        if path.is_file() and not path.is_symlink():
            but = [name for name in told.canaries.secrets if belongs(name, path)]
            found += told.canaries.found_in_file(path, but)
    assert found == []


def belongs(name: str, path) -> bool:
    """Whether this secret is kept in this file, which then nobody else may read."""
    if name.startswith("session"):
        return path.name.startswith("db.sqlite3")
    kept = name.startswith("key ") and path.parent.name == name.split()[1] and path.name == "login_key"
    kept |= name == "the administrator's password" and path.name == "administrator.password"
    return kept and stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_none_is_in_what_can_be_taken_along(told):
    paths = ["/audit/export/?format=csv", "/audit/export/?format=jsonl", "/audit/", "/runs/", "/people/"]
    for run in told.runs:
        paths += [f"/runs/{run}/{part}" for part in ("", "output.txt", "output.cast", "script.txt", "lines/")]
    pages = {path: told.admin.get(path) for path in paths}
    assert [path for path, page in pages.items() if len(page) < 20] == []
    assert [each for path, page in pages.items() for each in told.canaries.found_in(page, path)] == []
    trail = json.dumps(told.admin.command("security_audit lines=10000"))
    assert told.canaries.found_in(trail, "security_audit") == []
