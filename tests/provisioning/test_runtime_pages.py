"""The page of the runtimes shows what each base has, and lets curators register what is brought."""

import hashlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from bases.models import BaseRevision
from provisioning.models import Run, Runtime, RuntimeFound
from provisioning.registry import runtime_named

pytestmark = pytest.mark.django_db
BYTES = b"\x7fELF a program"


def upload(**more):
    return {"name": "deno", "file": SimpleUploadedFile("deno-x64", BYTES), **more}


def test_a_curator_registers_a_file_by_its_digest(site, client, admin):
    client.force_login(admin)
    digest = hashlib.sha256(BYTES).hexdigest()
    refused = client.post("/runtimes/", upload(sha256="0" * 64))
    assert refused.status_code == 422 and f"The file has sha256 {digest}" in refused.content.decode()
    assert client.post("/runtimes/", upload(sha256=digest)).status_code == 302
    kept = Runtime.objects.get(name="deno")
    assert (kept.digest, kept.file_name, kept.form, kept.entry) == (digest, "deno-x64", "bin", "deno")
    assert kept.file.read_bytes() == BYTES
    assert "deno-x64" in client.get("/runtimes/").content.decode()
    assert client.post("/runtimes/deno/remove/").status_code == 302
    assert not Runtime.objects.filter(name="deno").exists()


def test_it_says_which_base_has_which_and_offers_to_put_it_in(empty_base, client, admin):
    client.force_login(admin)
    revision = BaseRevision.objects.get()
    RuntimeFound.objects.create(runtime=runtime_named("bash"), revision=revision, path="/usr/bin/bash")
    RuntimeFound.objects.create(runtime=runtime_named("regina"), revision=revision)
    page = client.get("/runtimes/").content.decode()
    assert "/usr/bin/bash" in page and "lacks it" in page and "not looked for yet" in page
    assert 'action="/runtimes/regina/install/"' in page and 'action="/runtimes/bash/install/"' not in page
    answer = client.post("/runtimes/regina/install/", {"base": "demo"})
    run = Run.objects.get()
    assert answer.headers["Location"] == f"/runs/{run.pk}/"
    assert (run.runtime_asked, run.publish_as) == ("regina", "demo")


def test_a_member_reads_it_and_changes_nothing(site, client, member):
    client.force_login(member)
    page = client.get("/runtimes/").content.decode()
    assert "python3" in page and "Register" not in page
    assert client.post("/runtimes/", upload()).status_code == 403
    assert client.post("/runtimes/none/remove/").status_code == 404
    assert not Runtime.objects.filter(name="deno").exists()
