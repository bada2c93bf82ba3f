"""A hostile guest in a real browser: its output on the run's page, its serial console, in a terminal, and what
of it comes into the record. Nothing of it runs, swaps, copies, opens, asks, titles or says a state."""

import base64
import re
from dataclasses import dataclass, field

import pytest

from tests.browser.conftest import Troubles, new_context
from tests.provisioning.hostile import KINDS

pytestmark = [pytest.mark.guest, pytest.mark.browser]
NAME = "hostile"
HEAD = "#!/bin/sh\n# kvm-infra-use: demo\n# kvm-infra-timeout: 90\n"
PUT = 'put() { printf %s "$1" | base64 -d; echo; }\n'
MARKUP = "<img src=x onerror=alert(1)>"
FORGED = 'CHECKPOINT <b>COPY</b> percent=900 message="</progress><script>alert(1)</script>"'
WATCH = """
window.done = []
for (const name of ['alert', 'confirm', 'prompt', 'open', 'print']) {
  window[name] = () => { window.done.push(name) }
}
const command = document.execCommand.bind(document)
document.execCommand = (...words) => { window.done.push(words[0]); return command(...words) }
if (navigator.clipboard) {
  navigator.clipboard.writeText = async () => { window.done.push('clipboard') }
  navigator.clipboard.readText = async () => { window.done.push('clipboard read'); return '' }
}
"""
ROWS = """() => [...document.querySelectorAll('.log-row')].map(row => {
  const text = row.querySelector('.log-text')
  const all = [...text.querySelectorAll('*')]
  return {number: Number(row.querySelector('.log-no').textContent), text: text.textContent,
          note: row.classList.contains('log-note'), tags: all.map(one => one.localName),
          attributes: all.flatMap(one => one.getAttributeNames())}
})"""


@dataclass
class Seen:
    """What a browser that looked at everything saw, and what was done in it."""

    run: int = 0
    rows: dict[int, dict] = field(default_factory=dict)
    head: str = ""
    titles: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    scripts: dict[str, int] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    pages: int = 0
    states: dict[str, str] = field(default_factory=dict)


def script() -> str:
    """Each kind is a line of standard output, all of it then on the serial console, under a hostile name."""
    puts = [f"put {base64.b64encode(data[:20_000]).decode()}" for data, _ in KINDS.values()]
    body = "\n".join(["{", *puts, "} > /hostile", "cat /hostile"])
    serial = "{ echo begin-hostile; cat /hostile; echo; echo end-hostile; } > /dev/ttyS0"
    return f"{HEAD}{PUT}{body}\n{serial}\nhostname '{MARKUP}'\necho '{FORGED}'\necho end; exit 3\n"


@pytest.fixture(scope="module")
def seen(browser, served, signed_in_state):
    found, troubles = Seen(), Troubles()
    found.run = served.order("hostile.sh", script(), name=NAME, after="keep")
    context = new_context(
        browser,
        signed_in_state,
        troubles,
        base_url=served.address,
        viewport={"width": 1440, "height": 2600},
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.add_init_script(WATCH)
    page = context.new_page()
    context.on("request", lambda request: found.asked.append(request.url))
    context.on("dialog", lambda dialog: (found.done.append(dialog.message), dialog.dismiss()))

    def looked(name, path):
        page.goto(path)
        found.titles[name] = page.title()
        found.scripts[name] = page.locator("script").count()

    def left(name):
        found.texts[name] = page.locator("main").inner_text()
        found.states[name] = page.title()
        found.scripts[f"{name} then"] = page.locator("script").count()
        found.done += page.evaluate("window.done")

    looked("run", f"/runs/{found.run}/")  # while it runs
    served.run_over(found.run)
    page.locator(".log-row", has_text="CHECKPOINT").wait_for()
    page.locator("#run-head", has_text="exit status").wait_for()
    for share in (1, 0.5, 0):
        page.locator("[data-log-scroll]").evaluate(
            "(log, share) => { log.scrollTop = share * log.scrollHeight }", share
        )
        page.wait_for_timeout(300)
        found.rows |= {row["number"]: row for row in page.evaluate(ROWS)}
    found.head = page.locator("#run-head").inner_text()
    left("run")
    looked("console", f"/clones/{NAME}/?tab=console")
    page.locator("[data-console]", has_text="end-hostile").wait_for()
    left("console")
    looked("terminal", f"/clones/{NAME}/terminal/")
    page.get_by_text("Connected").wait_for()
    page.keyboard.type("cat /hostile; printf '\\033c'; echo; echo still-$((6*7))\n")
    page.locator(".xterm-rows", has_text="still-42").wait_for()
    found.states["socket"] = page.locator("[data-terminal-state]").inner_text()
    left("terminal")
    recorded(served)
    looked("audit", "/audit/?action=execute")
    page.evaluate("document.querySelectorAll('details.entry').forEach(one => { one.open = true })")
    found.texts["entries"] = page.locator(".entries").inner_text()
    left("audit")
    for name, path in (
        ("clones", "/clones/"),
        ("clone", f"/clones/{NAME}/"),
        ("runs", "/runs/"),
        ("hosts", "/hosts/"),
    ):
        looked(name, path)
        left(name)
    found.pages = len(context.pages)
    found.done += troubles
    context.close()
    served.admin.command(f"remove name={NAME}")
    return found


def recorded(served):
    """What a hostile guest prints comes into the record where somebody copies it into a command."""
    for data, _ in KINDS.values():
        text = data.decode(errors="replace")[:2000].replace("'", "")
        served.admin.command(f"execute vm=nobody command='{text}'")


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_one_line_of_text_on_the_runs_page(seen, kind):
    number = list(KINDS).index(kind) + 1
    row = seen.rows[number]
    assert KINDS[kind][1] in row["text"]
    assert set(row["tags"]) <= {"span"} and set(row["attributes"]) <= {"class"}
    assert not row["note"]


def test_nothing_was_run_opened_copied_or_asked_for(seen, served):
    assert seen.done == []
    assert seen.pages == 1
    own = {url for url in seen.asked if url.startswith((served.address, "data:", "blob:"))}
    assert set(seen.asked) == own
    assert not [url for url in own if re.search(r"/x$|javascript:|owned", url)]


def test_titles_and_the_pages_own_scripts_stay(seen):
    for name, title in seen.titles.items():
        assert seen.states[name] == title and "owned" not in title
        assert seen.scripts[f"{name} then"] == seen.scripts[name]


def test_the_runs_state_is_its_exit_status_whatever_was_printed(seen, served):
    run = served.run(seen.run)
    assert (run["status"], run["exit_code"]) == ("failed", 3)
    assert "Failed" in seen.head and "exit status 3" in seen.head and "Succeeded" not in seen.head
    assert "900 %" not in seen.texts["run"]
    forged = "SELECT count(*) AS count FROM provisioning_checkpoint WHERE run_id = ?"
    assert served.row(forged, seen.run)["count"] == 0


def test_the_terminal_stays_where_it_is_and_connected(seen):
    assert seen.states["socket"] == "Connected"
    assert "still-42" in seen.texts["terminal"]


def test_the_console_and_the_record_show_text(seen):
    console = seen.texts["console"]
    assert "begin-hostile" in console and "<script>alert(1)</script>" in console
    assert not [letter for letter in console if letter in "\x1b\x07\x9b\u202e\u2066"]
    assert "execute" in seen.texts["audit"] and "<script>alert(1)</script>" in seen.texts["entries"]
    assert not [letter for letter in seen.texts["audit"] if letter in "\x1b\x07\x9b"]
