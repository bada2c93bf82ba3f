"""The live part of a base's templates and pool."""

from django.template.loader import render_to_string

from bases.models import BaseImage
from cowweb.roles import curates
from cowweb.sockets import LivePart
from pools.pages import pool_context


class PoolDetail(LivePart):
    base: BaseImage

    def allowed(self) -> bool:
        named = BaseImage.objects.filter(name=self.scope["url_route"]["kwargs"]["name"])
        found = named.visible_to(self.user).first()
        if found:
            self.base = found
        return found is not None

    def topics(self) -> list[str]:
        return ["pools", f"base.{self.base.pk}"] if hasattr(self, "base") else []

    def render(self) -> str:
        base = BaseImage.objects.get(pk=self.base.pk)
        context = {**pool_context(base), "is_curator": curates(self.user), "oob": True}
        return render_to_string("pools/_pool_live.html", context)
