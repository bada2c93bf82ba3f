"""Only our own pages open sockets."""

import pytest

from cowweb.origin import is_ours


@pytest.fixture(autouse=True)
def hosts(settings):
    settings.ALLOWED_HOSTS = ["cow.example", "localhost"]
    settings.COWWEB_ORIGINS = ["https://front.example"]
    settings.COWWEB_HTTPS = False


@pytest.mark.parametrize(
    ("origin", "host", "ours"),
    [
        ("http://localhost:8000", "localhost:8000", True),
        ("http://cow.example", "cow.example", True),
        ("https://front.example", "inner:8000", True),
        ("http://localhost:34567", "localhost:8000", False),
        ("https://localhost:8000", "localhost:8000", False),
        ("http://evil.example", "localhost:8000", False),
        ("http://evil.example", "evil.example", False),
        ("null", "localhost:8000", False),
        ("", "localhost:8000", False),
        ("http://localhost:8000.evil.example", "localhost:8000", False),
    ],
)
def test_scheme_host_and_port_must_all_be_ours(origin, host, ours):
    assert is_ours(origin, host) is ours
