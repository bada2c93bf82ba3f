"""The live part of the overview."""

from django.template.loader import render_to_string

from commands.pages import overview_context
from cowweb.sockets import LivePart


class Overview(LivePart):
    def allowed(self) -> bool:
        return True

    def topics(self) -> list[str]:
        return ["clones", "runs", "bases", "audit"]

    def render(self) -> str:
        return render_to_string("_overview_live.html", {**overview_context(self.user), "oob": True})
