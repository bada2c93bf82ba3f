"""What is shown when the site itself fails: the shell with the request id, or that alone."""

import logging

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.html import format_html

logger = logging.getLogger(__name__)

BARE = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>This is our fault</title>
<h1>This is our fault</h1><p>The request failed inside CoWWeb and was logged. Request <code>{}</code>.</p>"""


def server_error(request: HttpRequest) -> HttpResponse:
    """The page knows the user and so the database; where that is what failed, it goes without."""
    request_id = getattr(request, "request_id", "")
    try:
        html = render_to_string("500.html", {"request_id": request_id}, request)
    except Exception:  # the edge of the process: there is nobody left to tell
        logger.exception("The error page of request %s could not be drawn", request_id)
        html = format_html(BARE, request_id)
    return HttpResponse(html, status=500)
