"""What the admin shows and does not change: what changes it is a service, which has a page of its own.

Example::

    @admin.register(Host)
    class HostAdmin(ReadOnlyAdmin[Host]): ...
"""

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib import admin, messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from cowweb.errors import DomainError

M = TypeVar("M", bound=Model)
REFUSED = "admin_refused"


class ServedAdmin(admin.ModelAdmin[M]):
    """What is changed here a service changes. What it refuses is said on the same page; the record has it."""

    def served(self, request: HttpRequest, act: Callable[[], object]) -> bool:
        try:
            act()
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
            setattr(request, REFUSED, True)
            return False
        return True

    def response_change(self, request: HttpRequest, obj: M) -> HttpResponse:
        if getattr(request, REFUSED, False):
            return redirect(request.get_full_path())
        return super().response_change(request, obj)

    def log_change(self, request: HttpRequest, obj: M, message: Any) -> Any:
        return None if getattr(request, REFUSED, False) else super().log_change(request, obj, message)


class ReadOnlyAdmin(admin.ModelAdmin[M]):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
