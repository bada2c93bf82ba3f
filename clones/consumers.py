"""The live parts of the clone pages."""

from channels.db import database_sync_to_async
from django.template.loader import render_to_string

from audit.models import Via
from audit.services import Actor
from bases.models import BaseImage
from clones.file_pages import FIRST, files_context, folder_changed
from clones.finding_pages import findings_context
from clones.models import Clone
from clones.named import clone_last_named
from clones.pages import clone_page, detail_context
from cowweb.roles import audits
from cowweb.sockets import LivePart


class CloneList(LivePart):
    def allowed(self) -> bool:
        return True

    def topics(self) -> list[str]:
        return ["clones"]

    def render(self) -> str:
        return render_to_string("clones/_clone_rows.html", {**clone_page(self.user, self.query), "oob": True})


class FindingList(LivePart):
    def allowed(self) -> bool:
        return audits(self.user)

    def topics(self) -> list[str]:
        return ["findings"]

    def render(self) -> str:
        return render_to_string(
            "clones/_findings.html", {**findings_context(self.user, self.query), "oob": True}
        )


class BaseTimes(LivePart):
    """How quickly everyone's clones of one base came."""

    base: BaseImage

    def allowed(self) -> bool:
        named = BaseImage.objects.filter(name=self.scope["url_route"]["kwargs"]["name"])
        found = named.visible_to(self.user).first()
        if found:
            self.base = found
        return found is not None

    def topics(self) -> list[str]:
        return ["clones"]

    def render(self) -> str:
        return render_to_string("clones/_base_times.html", {"base": self.base, "oob": True})


class OfOneClone(LivePart):
    clone: Clone

    def allowed(self) -> bool:
        name = self.scope["url_route"]["kwargs"]["name"]
        found = clone_last_named(name, self.user)
        if found:
            self.clone = found
        return found is not None

    def topics(self) -> list[str]:
        return [f"clone.{self.clone.pk}"] if hasattr(self, "clone") else []


class CloneDetail(OfOneClone):
    def render(self) -> str:
        clone = Clone.objects.for_list().get(pk=self.clone.pk)
        return render_to_string(
            "clones/_clone_status.html", {**detail_context(clone, self.user), "oob": True}
        )


class CloneFolder(OfOneClone):
    """The folder that the Files tab shows. The guest is asked again when a copy into it has ended, not at
    every step of its progress."""

    shown: object = None

    async def draw(self) -> None:
        changed = await database_sync_to_async(folder_changed)(await self.clone_now())
        if changed != self.shown:
            self.shown = changed
            await super().draw()

    @database_sync_to_async
    def clone_now(self) -> Clone:
        return Clone.objects.for_list().get(pk=self.clone.pk)

    def render(self) -> str:
        clone = Clone.objects.for_list().get(pk=self.clone.pk)
        actor = Actor(user=self.user, via=Via.WEB)
        context = files_context(clone, self.query.get("path", FIRST), actor)
        return render_to_string("clones/_clone_folder.html", {**context, "clone": clone, "oob": True})
