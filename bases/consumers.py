"""The live parts of the base pages."""

from django.template.loader import render_to_string

from bases.models import BaseImage
from bases.pages import detail_context, list_context
from cowweb.sockets import LivePart


class BaseList(LivePart):
    def allowed(self) -> bool:
        return True

    def topics(self) -> list[str]:
        return ["bases"]

    def render(self) -> str:
        context = {**list_context(self.user), "user": self.user, "oob": True}
        return render_to_string("bases/_base_cards.html", context)


class BaseDetail(LivePart):
    base: BaseImage

    def allowed(self) -> bool:
        named = BaseImage.objects.filter(name=self.scope["url_route"]["kwargs"]["name"])
        found = named.visible_to(self.user).first()
        if found:
            self.base = found
        return found is not None

    def topics(self) -> list[str]:
        return ["bases", f"base.{self.base.pk}"] if hasattr(self, "base") else []

    def render(self) -> str:
        base = BaseImage.objects.for_list().get(pk=self.base.pk)
        context = {**detail_context(base), "user": self.user, "oob": True}
        return render_to_string("bases/_base_status.html", context)
