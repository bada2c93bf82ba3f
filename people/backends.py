"""Who is signed in, read together with what every page asks of them; and what curators find in the admin."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, User

from cowweb.roles import Role, role_of

# The services ask again; people and the record are administrators' to look at there
CURATED = frozenset(
    {
        *("bases.view_baseimage", "bases.change_baseimage", "bases.view_baserevision"),
        *("pools.view_pool", "pools.change_pool", "pools.view_template"),
        *("hosts.view_host", "provisioning.view_script", "provisioning.view_runtime"),
    }
)


class PersonBackend(ModelBackend):
    """Django's own, with the person in the same query. Disabled people are nobody, at once."""

    def get_user(self, user_id: int) -> User | None:
        user = User.objects.select_related("person").filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None

    def has_perm(self, user_obj: User | AnonymousUser, perm: str, obj: Any = None) -> bool:
        return super().has_perm(user_obj, perm, obj) or (perm in CURATED and is_curator(user_obj))

    def has_module_perms(self, user_obj: User | AnonymousUser, app_label: str) -> bool:
        curated = any(perm.startswith(f"{app_label}.") for perm in CURATED)
        return super().has_module_perms(user_obj, app_label) or (curated and is_curator(user_obj))


def is_curator(user: User | AnonymousUser) -> bool:
    return isinstance(user, User) and user.is_active and role_of(user) == Role.CURATOR
