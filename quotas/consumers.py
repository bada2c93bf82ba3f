"""The live part of the quota page."""

from django.template.loader import render_to_string

from cowweb.sockets import LivePart
from quotas.pages import live_context


class QuotaList(LivePart):
    def allowed(self) -> bool:
        return True

    def topics(self) -> list[str]:
        return ["quotas", "clones", "runs", "people"]

    def render(self) -> str:
        context = {**live_context(self.user), "user": self.user, "oob": True}
        return render_to_string("quotas/_quota_live.html", context)
