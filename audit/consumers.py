"""The live part of the audit page."""

from django.template.loader import render_to_string

from audit.pages import list_context
from cowweb.sockets import LivePart


class AuditList(LivePart):
    def allowed(self) -> bool:
        return True

    def topics(self) -> list[str]:
        return ["audit"]

    def render(self) -> str:
        return render_to_string(
            "audit/_entry_rows.html", {**list_context(self.user, self.query), "oob": True}
        )
