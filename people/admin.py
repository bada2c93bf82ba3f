"""People are looked at here. What changes them is their page, which asks the services."""

from django.contrib import admin
from django.contrib.auth import admin as registers  # noqa: F401 - before what follows takes it back
from django.contrib.auth.models import Group, User
from django.urls import reverse

from cowweb.curated import ReadOnlyAdmin

# Django's own would change both past the services; groups mean nothing here
admin.site.unregister([User, Group])


@admin.register(User)
class PersonAdmin(ReadOnlyAdmin[User]):
    list_display = ("username", "first_name", "email", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("username", "first_name", "email")
    fields = ("username", "first_name", "email", "is_active", "is_staff", "is_superuser")

    def view_on_site(self, obj: User) -> str:
        return reverse("person-detail", args=[obj.username])
