"""The people whom commands act as, outside a browser."""

from django.contrib.auth.models import User

from cowweb.errors import NotFoundError


def local_administrator() -> User:
    """The first administrator: who acts in the shell unless `--as` says otherwise."""
    user = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if user is None:
        raise NotFoundError("There is no administrator yet: `manage.py first_run` makes one")
    return user


def user_named(name: str) -> User:
    """The active user of this name; the administrator when none is named."""
    if not name:
        return local_administrator()
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None:
        raise NotFoundError(f"User {name} not found")
    return user
