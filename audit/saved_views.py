"""Filters of the audit page under a name, each person's own."""

from collections.abc import Mapping
from urllib.parse import urlencode

from django.db import transaction

from audit.filters import FILTERS
from audit.models import SavedView
from audit.services import Actor, operation
from cowweb.errors import DomainError, NotFoundError

MOST_VIEWS = 30
MOST_QUERY = 1000


def view_save(*, name: str, query: Mapping[str, str], actor: Actor) -> SavedView:
    """Keeps the filters under the name; one of the same name is replaced."""
    name = " ".join(name.split())
    filters = urlencode({key: query[key] for key in FILTERS if query.get(key)})
    with operation(actor, "save_view", target="audit", params={"name": name[:60], "filters": filters}):
        if not name or len(name) > 60:
            raise DomainError("A view needs a name of 1 to 60 characters", field="name")
        if not filters:
            raise DomainError("There is no filter to save: choose one first", field="name")
        if len(filters) > MOST_QUERY:
            raise DomainError("These filters are too long to be saved", field="name")
        with transaction.atomic():
            mine = SavedView.objects.filter(user=actor.user)
            if mine.count() >= MOST_VIEWS and not mine.filter(name=name).exists():
                raise DomainError(f"There are {MOST_VIEWS} views already: remove one first", field="name")
            view, _ = SavedView.objects.update_or_create(
                user=actor.user, name=name, defaults={"query": filters}
            )
        return view


def view_remove(*, pk: int, actor: Actor) -> None:
    with operation(actor, "remove_view", target="audit", params={"view": pk}):
        if not SavedView.objects.filter(pk=pk, user=actor.user).delete()[0]:
            raise NotFoundError("There is no such view of yours")
