"""HTTP requests, each in one turn of one thread.

Django's own ASGI handler gives every middleware and the view a turn in a thread that it starts for the
request, with a database connection of its own. Ours are all synchronous, so they go together, in a thread
that stays and keeps its connection; `bench served` shows what that saves.
"""

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.db import close_old_connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class OneThreadHandler(ASGIHandler):
    def load_middleware(self, is_async: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's signature
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        return await sync_to_async(self.answered, thread_sensitive=False)(request)

    def answered(self, request: HttpRequest) -> HttpResponseBase:
        close_old_connections()
        return self.get_response(request)
