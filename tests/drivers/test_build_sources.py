"""Where packages come from is the host's own choice, or the site's; nothing is guessed."""

import pytest

from hosts.drivers.build import HOST_PACKAGES
from hosts.drivers.build.apt import Apt, source_line
from hosts.drivers.build.sources import AptSource, Sources, debian_sources
from hosts.drivers.errors import DriverError, Refused

pytestmark = pytest.mark.slow

DEB822 = """# comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://other.example/tools
Suites: nodistro
Components: main

Enabled: no
Types: deb
URIs: http://mirror.example/off
Suites: bookworm
Components: main

Types: deb
URIs: http://mirror.example/inline
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----
"""


@pytest.fixture
def etc(tmp_path):
    (tmp_path / "apt/sources.list.d").mkdir(parents=True)
    (tmp_path / "os-release").write_text('ID=debian\nVERSION_CODENAME="bookworm"\n')
    return tmp_path


def test_a_debian_hosts_entries_for_its_release_are_reused(etc):
    (etc / "apt/sources.list.d/debian.sources").write_text(DEB822)
    (etc / "apt/sources.list").write_text(
        "# deb http://mirror.example/no bookworm main\n"
        "deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/old bookworm main non-free\n"
        "deb http://mirror.example/contrib bookworm contrib\n"
    )
    found = debian_sources({}, etc)
    assert found.number == "12"
    assert [(entry.uri.rpartition("/")[2], entry.suite) for entry in found.entries] == [
        ("old", "bookworm"),
        ("debian", "bookworm"),
        ("debian", "bookworm-updates"),
        ("inline", "bookworm-security"),
    ]
    assert found.entries[0].signed_by == "/k.gpg"
    assert found.entries[3].signed_by.splitlines()[1:3] == ["", "abc"]


def test_an_inline_key_becomes_a_file(tmp_path):
    line = source_line(AptSource("http://m.example", "bookworm", "-----BEGIN KEY-----\nabc"), tmp_path)
    assert line == f"deb [signed-by={tmp_path}/bookworm.asc] http://m.example bookworm main"
    assert (tmp_path / "bookworm.asc").read_text() == "-----BEGIN KEY-----\nabc\n"


def test_another_kind_of_host_is_told_what_to_set(etc):
    (etc / "os-release").write_text("ID=ubuntu\nVERSION_CODENAME=noble\n")
    with pytest.raises(Refused, match="set COWWEB_DEBIAN_MIRROR"):
        debian_sources({}, etc)


def test_the_sites_mirror_wins(etc):
    found = debian_sources(
        {"COWWEB_DEBIAN_MIRROR": "http://m.example/d", "COWWEB_DEBIAN_SUITE": "trixie"}, etc
    )
    assert [(entry.uri, entry.suite) for entry in found.entries] == [
        ("http://m.example/d", "trixie"),
        ("http://m.example/d", "trixie-updates"),
    ]


def test_an_unknown_release_is_refused_with_those_that_are_known(etc):
    with pytest.raises(Refused, match="bookworm or trixie"):
        debian_sources({"COWWEB_DEBIAN_SUITE": "buzz"}, etc)


def test_a_mirror_that_does_not_answer_is_said_in_one_sentence(tmp_path):
    dead = Sources("bookworm", (AptSource("http://127.0.0.1:9/debian", "bookworm"),))
    with pytest.raises(DriverError, match=r"Debian packages cannot be had: .*127\.0\.0\.1"):
        Apt(tmp_path / "apt", dead).update()


def test_what_a_host_must_have_is_data():
    assert {"qemu-utils", "fakeroot", "syslinux-common"} <= set(HOST_PACKAGES["tiny"])
    assert "mmdebstrap" in HOST_PACKAGES["debian"]
