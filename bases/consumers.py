"""The live parts of the base pages."""

from django.template.loader import render_to_string

from bases.models import BaseImage, Import
from bases.pages import detail_context, import_context, imports_context, list_context
from cowweb.roles import curates
from cowweb.sockets import LivePart


class BaseList(LivePart):
    def allowed(self) -> bool:
        return True

    def topics(self) -> list[str]:
        return ["bases"]

    def render(self) -> str:
        context = {**list_context(self.user, self.query), "user": self.user, "oob": True}
        return render_to_string("bases/_base_cards.html", context)


class ImportList(LivePart):
    def allowed(self) -> bool:
        return curates(self.user)

    def topics(self) -> list[str]:
        return ["imports"]

    def render(self) -> str:
        return render_to_string("bases/_import_rows.html", {**imports_context(), "oob": True})


class ImportDetail(LivePart):
    @property
    def pk(self) -> int:
        return int(self.scope["url_route"]["kwargs"]["pk"])

    def allowed(self) -> bool:
        return curates(self.user) and Import.objects.filter(pk=self.pk).exists()

    def topics(self) -> list[str]:
        return [f"import.{self.pk}"]

    def render(self) -> str:
        arriving = Import.objects.select_related("asked_by", "revision__base").get(pk=self.pk)
        return render_to_string("bases/_import_state.html", {**import_context(arriving), "oob": True})


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
