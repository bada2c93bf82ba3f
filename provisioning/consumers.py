"""The live parts of the run pages, and the log: a doorbell, a cursor, and the lines after it."""

import asyncio
import time

from django.template.loader import render_to_string

from cowweb.sockets import LivePart
from provisioning.models import Run
from provisioning.pages import detail_context, run_page
from provisioning.script_pages import script_page
from provisioning.tail import tail


class ScriptList(LivePart):
    def allowed(self) -> bool:
        return True

    def topics(self) -> list[str]:
        return ["scripts", "runs"]

    def render(self) -> str:
        return render_to_string(
            "provisioning/_script_rows.html", {**script_page(self.user, self.query), "oob": True}
        )


class RunList(LivePart):
    def allowed(self) -> bool:
        return True

    def topics(self) -> list[str]:
        return ["runs"]

    def render(self) -> str:
        return render_to_string(
            "provisioning/_run_rows.html", {**run_page(self.user, self.query), "oob": True}
        )


class OfOneRun(LivePart):
    @property
    def run_id(self) -> int:
        return int(self.scope["url_route"]["kwargs"]["pk"])

    clone_id: int | None = None

    def allowed(self) -> bool:
        found = Run.objects.visible_to(self.user).only("clone_id").filter(pk=self.run_id).first()
        self.clone_id = found.clone_id if found else None
        return found is not None

    def topics(self) -> list[str]:
        return [f"run.{self.run_id}"]


class RunDetail(OfOneRun):
    """What can be done with a run also depends on how its clone is."""

    def topics(self) -> list[str]:
        return [*super().topics(), *([f"clone.{self.clone_id}"] if self.clone_id else [])]

    def render(self) -> str:
        run = Run.objects.for_list().get(pk=self.run_id)
        return render_to_string(
            "provisioning/_run_status.html", {**detail_context(run, self.user), "oob": True}
        )


class RunLog(OfOneRun):
    """Sends every line after `?after=N`, in order, once; whoever reconnects says how far it has come.

    A long log on a slow line is one long drawing: the right to see it is looked at in between.
    """

    def topics(self) -> list[str]:
        return [f"run.{self.run_id}.log"]

    async def draw(self) -> None:
        if not hasattr(self, "cursor"):
            after = self.query.get("after", "0")
            self.cursor = int(after) if after.isascii() and after.isdecimal() and len(after) < 10 else 0
        began = time.monotonic()
        while not self.must_look:
            frame = await tail().after(self.run_id, self.cursor, since=began)
            if frame.text:
                self.cursor += frame.count
                await self.send(text_data=frame.text)
            if frame.is_last and frame.read_at >= began:
                return
            await asyncio.sleep(0)
        self.is_stale.set()  # what is left comes after the look
