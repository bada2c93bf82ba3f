"""Two runs beside each other."""

import pytest

from provisioning.compare_pages import CHOICES, Times
from tests.support.copied_run import beside

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(client, admin):
    client.force_login(admin)
    return lambda query: client.get(f"/runs/compare/?{query}").text


def test_a_run_alone_is_not_shown_beside_itself(ordered, page):
    run = ordered("echo one")
    assert "There is no earlier run of x.sh" in page(f"b={run.pk}")
    for query in (f"b={run.pk}", f"a={run.pk}&b={run.pk}"):
        assert "<h2>Times</h2>" not in page(query)


def test_the_run_before_is_the_one_to_compare_with_and_differences_are_marked(ordered, page):
    first = ordered("echo one")
    second = beside(first, script_text=first.script_text.replace("one", "two"), memory_mb=512)
    shown = page(f"b={second.pk}")
    assert f"Run {first.pk} and run {second.pk}" in shown
    assert shown.count('<tr class="is-other">') == 1 and "512 MiB" in shown
    assert "+1" in shown and "echo two" in shown


def test_a_run_of_long_ago_stays_chosen(ordered, page):
    first = ordered("echo one")
    for _ in range(CHOICES):
        last = beside(first)
    shown = page(f"a={first.pk}&b={last.pk}")
    assert f'<option value="{first.pk}" selected>' in shown


@pytest.mark.parametrize(
    ("a_ms", "b_ms", "words"),
    [(14, 5352.5, "382"), (12, 5, "0.42"), (2, 3, "1.5"), (None, 3, ""), (0, 3, "")],
)
def test_a_ratio_has_a_few_figures(a_ms, b_ms, words):
    assert Times("script", "Script", a_ms, b_ms, 1.0).ratio == words
