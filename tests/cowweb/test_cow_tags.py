"""The visual language: what the tags write is escaped, labelled, and free of inline styles."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.template import Context, Template, engines
from django.utils import timezone

from cowweb.statuses import LOOKS, WAYS
from scripts.assets import ICON_NAMES

TEMPLATES = sorted(Path(settings.BASE_DIR, "templates").rglob("*.html"))


def drawn(source: str, **context: object) -> str:
    return Template("{% load cow %}" + source).render(Context(context))


def test_a_status_is_icon_and_word():
    html = drawn("{% status_badge 'timed_out' 'Timed out' %}")
    assert "ic-clock-exclamation" in html and ">Timed out<" in html and "status-bad" in html


def test_running_work_is_under_way_but_a_running_machine_is_well():
    assert "status-busy" in drawn("{% status_badge 'running' 'Running' 'work' %}")
    assert "status-ok" in drawn("{% status_badge 'running' 'Running' %}")


def test_an_unknown_status_still_shows_its_word():
    assert ">Half done<" in drawn("{% status_badge 'half_done' %}")


def test_guest_words_are_escaped_in_attributes_and_text():
    hostile = '"><script>alert(1)</script>'
    html = drawn("{% copy text text %}{% status_badge text text %}", text=hostile)
    assert "<script>" not in html and "&lt;script&gt;" in html


def test_exact_numbers_are_on_hover():
    html = drawn("{% bytes n %} {% ms t %}", n=2**31, t=184.25)
    assert 'title="2,147,483,648 bytes">2 GiB' in html and 'title="184.2 ms">184 ms' in html


def test_times_are_relative_with_the_absolute_one_on_hover():
    html = drawn("{% ago then %}", then=timezone.now() - timedelta(minutes=3))
    assert ">3 minutes ago<" in html and "datetime=" in html and "title=" in html


def test_the_phase_bar_says_its_numbers_to_a_screen_reader():
    html = drawn("{% phase_bar phases %}", phases=[{"name": "disk", "ms": 9}, {"name": "ready", "ms": 112}])
    assert 'aria-label="disk 9 ms, ready 112 ms"' in html


def test_the_query_tag_keeps_the_other_filters():
    assert drawn("{% query page=2 %}", query={"q": "a&b"}) == "?q=a%26b&amp;page=2"
    assert drawn("{% query page=None %}", query={"page": "3", "q": "x"}) == "?q=x"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_template_compiles_and_obeys_the_content_security_policy(path):
    text = path.read_text()
    engines["django"].from_string(text)
    assert not re.search(r"\sstyle=|\son[a-z]+=\"|<script>|hx-on|javascript:|\bjs:", text)


def test_every_icon_that_is_named_is_brought_in():
    known = set(ICON_NAMES.split())
    named = {icon for icon, _ in LOOKS.values()} | set(WAYS.values())
    for path in TEMPLATES:
        text = path.read_text()
        named |= set(re.findall(r'{% icon "([a-z0-9-]+)"', text))
        named |= set(re.findall(r'icon_name="([a-z0-9-]+)"', text))
        named |= set(re.findall(r'{% nav_item "[^"]+" "[^"]+" "([a-z0-9-]+)"', text))
    assert named - known == set()


def test_the_mark_of_a_way_has_words():
    html = drawn("{% way_mark 'spare' 'Warm spare' %}")
    assert "ic-flame" in html and '<span class="visually-hidden">Warm spare</span>' in html
