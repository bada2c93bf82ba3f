"""What the search for canaries finds: a test that looks for nothing finds nothing."""

import base64
import json
from urllib.parse import quote

import pytest

from tests.support.canaries import Canaries

SECRET = 'a "secret" of ü & +/ more-than-one_kind'


@pytest.fixture
def canaries():
    made = Canaries()
    made.add("it", SECRET)
    return made


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"x{SECRET}y",
        quote(SECRET, safe=""),
        SECRET.encode().hex(),
        json.dumps({"line": SECRET}),
        *(base64.b64encode(b"." * shift + SECRET.encode() + b"tail").decode() for shift in range(7)),
        base64.urlsafe_b64encode(b"ab" + SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_found_however_it_is_written(canaries, text):
    assert canaries.found_in(text, "here") == ["it in here"]
    assert canaries.found_in(text.encode(), "here", but=["it"]) == []


def test_a_secret_that_lies_across_two_pieces_of_a_file_is_found(canaries, tmp_path):
    path = tmp_path / "long"
    path.write_bytes(b"x" * (8 * 1024 * 1024 - 5) + SECRET.encode() + b"y" * 100)
    assert canaries.found_in_file(path) == [f"it in {path}"]


def test_other_text_is_none(canaries):
    assert canaries.found_in("a secret of more than one kind", "here") == []
