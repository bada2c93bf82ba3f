"""A directory's passwords, against a real slapd on loopback."""

import gc
import shutil
import socket
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.models import AuditEntry
from people.invitations import Guest, invitation_make
from people.models import Identity
from tests.people.conftest import actor_for
from tests.people.test_sign_in import LOGIN
from tests.people.test_visits import unproven
from tests.support.https import certificate
from tests.support.site import free_port, wait_until

SLAPD = shutil.which("slapd", path="/usr/sbin:/usr/bin:/usr/libexec") or shutil.which("slapd")
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        SLAPD is None, reason="slapd is not there: install the package slapd (set-up does with CI=true)"
    ),
    pytest.mark.filterwarnings("ignore:ssl.match_hostname:DeprecationWarning"),  # ldap3 compares names by it
    # ldap3 leaves a connection that it did not trust to the garbage collector
    pytest.mark.filterwarnings("ignore:.*ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:.*Map is deprecated:DeprecationWarning"),  # ldap3 with a newer pyasn1
]
CONFIGURATION = """\
include {root}/etc/ldap/schema/core.schema
include {root}/etc/ldap/schema/cosine.schema
include {root}/etc/ldap/schema/inetorgperson.schema
modulepath {root}/usr/lib/ldap
moduleload back_mdb
pidfile {folder}/pid
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
database mdb
directory {folder}/db
suffix dc=example,dc=org
rootdn cn=root,dc=example,dc=org
rootpw root-secret
access to attrs=userPassword by anonymous auth by * none
access to * by dn.base="cn=root,dc=example,dc=org" write by * none
"""
PERSON = """
dn: uid={name},dc=example,dc=org
objectClass: inetOrgPerson
cn: {name}
sn: {name}
uid: {name}
userPassword: {name}-of-the-directory
"""
ROOT = "dn: dc=example,dc=org\nobjectClass: dcObject\nobjectClass: organization\no: example\ndc: example\n"


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slapd")
    (folder / "db").mkdir()
    made = certificate(folder, ("localhost",))
    configuration, entries = folder / "slapd.conf", folder / "entries.ldif"
    configuration.write_text(
        CONFIGURATION.format(
            root=str(Path(SLAPD).parents[2]).rstrip("/"), folder=folder, certificate=made[0], key=made[1]
        )
    )
    entries.write_text(ROOT + "".join(PERSON.format(name=name) for name in ("lia", "administrator")))
    tool = ["-Tadd", "-f", str(configuration), "-l", str(entries)]
    subprocess.run([SLAPD, *tool], check=True, capture_output=True)
    port, tls_port = free_port(), free_port()
    server = subprocess.Popen(
        [
            SLAPD,
            "-f",
            str(configuration),
            "-h",
            f"ldap://127.0.0.1:{port} ldaps://127.0.0.1:{tls_port}",
            "-d",
            "0",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: listens(port))
    yield SimpleNamespace(port=port, tls_port=tls_port, authority=made[0])
    server.terminate()
    server.wait(10)
    gc.collect()  # what ldap3 left goes here, where it is expected, and not in another module's test


def listens(port) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def asked(crowd, directory, settings):
    settings.AUTHENTICATION_BACKENDS = ["people.backends.PersonBackend", "people.ldap.LdapBackend"]
    settings.COWWEB_LDAP_URL = f"ldap://127.0.0.1:{directory.port}"
    settings.COWWEB_LDAP_BASE = "dc=example,dc=org"
    settings.COWWEB_LDAP_BIND_DN = "cn=root,dc=example,dc=org"
    settings.COWWEB_LDAP_BIND_PASSWORD = "root-secret"
    return crowd


def try_in(name, password):
    client = Client()
    return client, client.post(LOGIN, {"username": name, "password": password})


def test_who_is_in_the_directory_has_an_account_at_the_first_sign_in(asked):
    for _ in range(2):
        client, answer = try_in("lia", "lia-of-the-directory")
        assert answer.status_code == 302
    assert client.get("/settings/").status_code == 200
    lia = User.objects.get(username="lia")
    assert (lia.has_usable_password(), lia.is_staff, lia.is_superuser) == (False, False, False)
    assert Identity.objects.get().subject == "uid=lia,dc=example,dc=org"
    assert AuditEntry.objects.order_by("-pk")[0].outcome.result == "done"
    assert AuditEntry.objects.get(action="make_account").target == "user:lia", "once, with what it stands on"


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("lia", "wrong"),
        ("lia", ""),
        ("nobody-there", "x"),
        ("*", "lia-of-the-directory"),
        ("lia)(uid=*", "x"),
    ],
)
def test_who_is_not_stays_out(asked, name, password):
    assert try_in(name, password)[1].status_code == 422
    assert not Identity.objects.exists()


def test_the_directory_lets_nobody_into_an_account_of_ours(asked):
    answer = try_in("administrator", "administrator-of-the-directory")[1]
    assert answer.status_code == 422
    assert "another account here has the name administrator" in answer.content.decode()
    stranger = try_in("administrator", "wrong")[1].content.decode()
    assert ("User name or password is wrong" in stranger, "another account" in stranger) == (True, False)
    assert try_in("administrator", "a-long-password")[1].status_code == 302, (
        "the site's own password still does"
    )


def test_who_set_no_password_here_proves_the_directorys_before_setting_one(asked):
    client, _ = try_in("lia", "lia-of-the-directory")
    unproven(client)
    wanted = {"password": "a-password-of-this-site"}
    answer = client.post("/settings/security/password/", wanted)
    assert answer.url == "/accounts/confirm/?next=/settings/security/"
    client.post(answer.url, {"password": "lia-of-the-directory"})
    assert client.post("/settings/security/password/", wanted).url == "/settings/security/"
    assert User.objects.get(username="lia").check_password("a-password-of-this-site")


def test_disabled_people_of_the_directory_stay_out(asked):
    try_in("lia", "lia-of-the-directory")
    User.objects.filter(username="lia").update(is_active=False)
    assert try_in("lia", "lia-of-the-directory")[1].status_code == 422


def test_a_directory_that_is_not_there_lets_in_who_has_a_password_here(asked, settings):
    settings.COWWEB_LDAP_URL = f"ldap://127.0.0.1:{free_port()}"
    assert try_in("member", "a-long-password")[1].status_code == 302
    answer = try_in("lia", "lia-of-the-directory")[1]
    assert answer.status_code == 422
    assert "cannot be asked now: it does not answer" in answer.content.decode()
    assert "it does not answer" in AuditEntry.objects.order_by("-pk")[0].outcome.reason


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("BIND_PASSWORD", "old", "it refuses COWWEB_LDAP_BIND_DN (invalidCredentials)"),
        ("BASE", "dc=elsewhere", "it does not search below COWWEB_LDAP_BASE (noSuchObject)"),
    ],
)
def test_what_is_wrong_with_the_settings_is_told(asked, settings, name, value, words):
    setattr(settings, f"COWWEB_LDAP_{name}", value)
    assert words in try_in("lia", "lia-of-the-directory")[1].content.decode()


@pytest.fixture(params=["ldaps", "StartTLS"])
def sealed(request, asked, directory, settings):
    """The directory over TLS, either way, with its authority known."""
    settings.COWWEB_LDAP_START_TLS = request.param == "StartTLS"
    settings.COWWEB_LDAP_CA_FILE = str(directory.authority)
    scheme, port = (
        ("ldap", directory.port) if settings.COWWEB_LDAP_START_TLS else ("ldaps", directory.tls_port)
    )
    settings.COWWEB_LDAP_URL = f"{scheme}://localhost:{port}"
    return settings


def test_over_tls_a_directory_that_is_who_it_says_is_asked(sealed):
    assert try_in("lia", "lia-of-the-directory")[1].status_code == 302
    assert try_in("lia", "wrong")[1].status_code == 422


def test_people_stay_who_they_are_when_the_directory_is_asked_elsewhere(asked, directory, settings):
    try_in("lia", "lia-of-the-directory")
    settings.COWWEB_LDAP_URL = f"ldaps://localhost:{directory.tls_port}"
    settings.COWWEB_LDAP_CA_FILE = str(directory.authority)
    for _ in range(2):
        assert try_in("lia", "lia-of-the-directory")[1].status_code == 302
    assert Identity.objects.get().issuer == settings.COWWEB_LDAP_URL
    assert User.objects.filter(username__startswith="lia").count() == 1


def test_a_directory_whose_authority_is_unknown_gets_no_password(sealed, tmp_path, caplog):
    sealed.COWWEB_LDAP_CA_FILE = str(certificate(tmp_path, ("localhost",))[0])
    answer = try_in("lia", "lia-of-the-directory")[1]
    assert answer.status_code == 422
    assert "its certificate is not accepted" in answer.content.decode()
    assert "certificate verify failed" in caplog.text
    assert "lia-of-the-directory" not in caplog.text


def test_a_directory_of_another_name_gets_no_password(sealed, caplog):
    sealed.COWWEB_LDAP_URL = sealed.COWWEB_LDAP_URL.replace("localhost", "127.0.0.1")
    answer = try_in("lia", "lia-of-the-directory")[1]
    assert answer.status_code == 422
    assert "its certificate is not accepted" in answer.content.decode()
    assert "does not answer as it should" in caplog.text


def test_an_invitation_is_accepted_with_the_directorys_password(asked):
    """Who signs in by it has an account then, and joins the team with it."""
    secret = invitation_make(Guest(team=asked.team, role="member"), actor=actor_for(asked.owner))[1]
    page = Client().get(f"/join/{secret}/").content.decode()
    assert "with the password of the directory" in page
    client = Client()
    form = {"username": "lia", "password": "lia-of-the-directory", "next": f"/join/{secret}/"}
    assert client.post(LOGIN, form).url == f"/join/{secret}/"
    assert client.post(f"/join/{secret}/").url == "/teams/red/"
    assert asked.team.memberships.get(user__username="lia").role == "member"
