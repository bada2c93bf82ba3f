"""A long answer is sent part by part, by either kind of server."""

import asyncio

from django.core.handlers.asgi import ASGIRequest
from django.test import RequestFactory

from cowweb.http import streamed

SCOPE = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}


def test_no_part_is_made_before_it_is_wanted():
    made = []

    def parts():
        for number in range(3):
            made.append(number)
            yield str(number)

    async def taken():
        stream = streamed(ASGIRequest(SCOPE, None), parts())
        first = await anext(stream)
        assert made == [0]
        return [first, *[part async for part in stream]]

    assert asyncio.run(taken()) == ["0", "1", "2"]
    assert list(streamed(RequestFactory().get("/"), iter("ab"))) == ["a", "b"]
