"""What a guest reaches, tried from inside: not the host, not the dashboard, not other machines; what is listed."""

import http.client
from urllib.parse import urlsplit

import pytest

from tests.support.site import wait_until

pytestmark = pytest.mark.guest

REACHED = (0, 124, 143)  # a server that says nothing was reached as well
TRY = "timeout 3 nc {} {} </dev/null"
CLOSED = """#!/bin/sh
# kvm-infra-use: demo
# kvm-infra-egress-ports: 443
timeout 3 nc 10.0.2.2 {port} </dev/null && exit 1
timeout 3 nc 169.254.169.254 80 </dev/null && exit 1
exit 0
"""
PAGE = """#!/bin/sh
# kvm-infra-use: demo
# kvm-infra-ingress-port: 8080
# kvm-infra-check: http:8080/
mkdir /www; echo "Served by $(hostname)" > /www/index.html
httpd -p 8080 -h /www
"""


@pytest.fixture(scope="module")
def web(served, lab):
    """A machine that serves a page: a memory clone, as `lab` is."""
    served.script("page.sh", PAGE)
    result = served.admin.command("provision script=page.sh name=web keep_running=true")
    assert result["success"], result
    yield result
    assert served.admin.command("remove name=web")["success"]


def reaches(served, address, port):
    command = TRY.format(address, port)
    return served.admin.command(f"execute vm=lab command='{command}'")["exitCode"] in REACHED


def page_at(served, url, cookie=""):
    """What a browser without our cookies gets at a guest's host name."""
    there = urlsplit(url)
    asking = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    path = there.path + (f"?{there.query}" if there.query else "")
    asking.request("GET", path, headers={"Host": there.netloc, "Cookie": cookie})
    answer = asking.getresponse()
    body = answer.read().decode()
    asking.close()
    return answer, body


def denied(served, name):
    found = served.admin.command(f"inspect name={name}")
    assert found["success"], found
    return found["network"]["denied"]


def test_the_host_the_dashboard_and_other_machines_are_out_of_reach(served, lab, web):
    other = next(one["url"] for one in web["ingress"]).rstrip("/").rpartition(":")[2]
    before = denied(served, "lab")
    for place in [("10.0.2.2", served.port), ("10.0.2.2", other), ("169.254.169.254", 80)]:
        assert not reaches(served, *place), place
    wait_until(lambda: denied(served, "lab") >= before + 3, timeout_s=30)
    listed = served.clone("lab")["denied"]
    assert f"127.0.0.1:{served.port}/tcp" in listed and "169.254.169.254:80/tcp" in listed


def test_listing_the_dashboards_port_does_not_open_it_and_a_change_is_on_record(served, lab):
    changed = served.admin.command(f"set_egress name=lab egress_ports={served.port}")
    assert changed["success"], changed
    assert changed["egress"] == str(served.port)
    assert not reaches(served, "10.0.2.2", served.port)
    assert served.admin.command("set_egress name=lab egress_ports=open")["egress"] == "open"
    entries = served.rows(
        "SELECT params FROM audit_auditentry WHERE action = 'set_egress' AND target = 'clone:lab'"
    )
    assert len(entries) == 2


def test_a_scripts_own_list_holds_from_its_first_line_and_is_counted(served, lab):
    served.script("closed.sh", CLOSED.format(port=served.port))
    result = served.admin.command("provision script=closed.sh")
    assert result["success"], result
    clone = served.clone(result["vm"])
    assert clone["egress_ports"] == "[443]"
    assert clone["denied_attempts"] == 2


def test_a_share_link_opens_the_guests_page_to_anyone_until_it_is_revoked(served, web):
    port = web["ingressPort"]
    link = served.admin.command(f"share_port name=web port={port} hours=1")
    root = link["url"].partition("/_cow/")[0] + "/"
    assert page_at(served, root)[0].status == 401
    came, _ = page_at(served, link["url"])
    cookie = came.getheader("Set-Cookie").partition(";")[0]
    answer, body = page_at(served, root, cookie)
    assert (answer.status, "Served by web" in body) == (200, True)
    assert page_at(served, root.replace(f"-{port}.", "-22."), cookie)[0].status == 401
    assert served.admin.command(f"revoke_link name=web link={link['link']}")["success"]
    wait_until(lambda: page_at(served, root, cookie)[0].status == 410, timeout_s=10)


def test_a_guest_page_is_opened_from_the_clones_page_by_who_is_signed_in(served, web):
    asking = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    path = f"/clones/web/ports/{web['ingressPort']}/open/"
    asking.request("GET", path, headers={"Host": f"localhost:{served.port}", "Cookie": served.admin.cookies})
    there = asking.getresponse().getheader("Location")
    asking.close()
    came, _ = page_at(served, there)
    cookie = came.getheader("Set-Cookie").partition(";")[0]
    assert "Served by web" in page_at(served, there.partition("/_cow/")[0] + "/", cookie)[1]
    assert page_at(served, there)[0].status == 401  # a ticket is good once
