"""The Files tab of an open page: the folder it shows is looked at anew when a copy into the guest has ended."""

from itertools import count

import pytest
from asgiref.sync import sync_to_async
from django.core.files.uploadedfile import SimpleUploadedFile

from clones import file_pages
from clones.models import Clone
from cowweb import live, sockets
from tests.clones.test_files import page, web, worked  # noqa: F401
from tests.cowweb.test_sockets import close_code, opened, text

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


@pytest.fixture
def looks(monkeypatch):
    """How often the guest was asked."""
    counted, ask = count(), file_pages.folder_listed

    def asked(**named):
        next(counted)
        return ask(**named)

    monkeypatch.setattr(file_pages, "folder_listed", asked)
    return lambda: int(repr(counted)[6:-1])


async def test_a_copy_that_ends_is_shown_and_one_on_its_way_asks_the_guest_for_nothing(
    web,  # noqa: F811
    page,  # noqa: F811
    admin,
    tmp_path,
    looks,
):
    (tmp_path / "there").write_text("1")
    async with opened(f"/ws/clones/web/files/?tab=files&path={tmp_path}", admin) as socket:
        assert "there" in await text(socket)
        form = {"path": str(tmp_path), "files": SimpleUploadedFile("arrived.txt", b"123")}
        await sync_to_async(page.post)("/clones/web/files/send/", form)
        for _ in range(3):
            await sync_to_async(live.ring)(f"clone.{web.pk}")
        assert await socket.receive_nothing(timeout=0.5)
        assert looks() == 1
        assert await sync_to_async(worked)() == [("arrived.txt", "done", "")]
        html = await text(socket)
        assert 'id="clone-folder" hx-swap-oob="true"' in html
        assert "arrived.txt" in html and "3 bytes" in html
        await Clone.objects.filter(pk=web.pk).aupdate(status="stopped")
        await sync_to_async(live.ring)(f"clone.{web.pk}")
        assert "only a running clone" in await text(socket)


async def test_a_folder_is_for_who_may_see_the_clone(web, member):  # noqa: F811
    async with opened("/ws/clones/web/files/", member) as socket:
        assert await close_code(socket) == sockets.FORBIDDEN
