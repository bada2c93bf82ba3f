"""What the log viewer asks for: a stretch of lines, a search over all of them, and the whole as a file."""

from collections.abc import Callable, Iterator

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from cowweb.http import streamed
from provisioning.models import Run
from provisioning.reading import MOST_LINES, cast, found, stretch, texts
from provisioning.views import run_or_404

MOST_DIGITS = 9


@require_GET
def run_lines(request: HttpRequest, pk: int) -> JsonResponse:
    """`?from=N&count=M`: lines from number N, as [stream, ms, text]."""
    run = run_or_404(request, pk)
    first = max(number(request, "from", 1), 1)
    part = stretch(run.pk, first=first, count=min(max(number(request, "count", MOST_LINES), 1), MOST_LINES))
    return JsonResponse(
        {"from": part.first, "lines": part.lines, "colours": part.colours, "count": run.line_count},
        json_dumps_params={"ensure_ascii": False, "separators": (",", ":")},
    )


@require_GET
def run_search(request: HttpRequest, pk: int) -> JsonResponse:
    """`?q=WORDS&after=N`: the numbers of the lines that have them."""
    run = run_or_404(request, pk)
    words = request.GET.get("q", "")
    result = found(run.pk, words, after=number(request, "after", 0)) if words else None
    return JsonResponse({"hits": result.hits if result else [], "next": result.next if result else None})


def number(request: HttpRequest, key: str, otherwise: int) -> int:
    text = request.GET.get(key, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else otherwise


@require_GET
def run_download(request: HttpRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
    return download(request, run_or_404(request, pk), texts, "log", "text/plain; charset=utf-8")


@require_GET
def run_cast(request: HttpRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
    """For players of terminal recordings."""
    return download(request, run_or_404(request, pk), cast, "cast", "application/x-asciicast")


def download(
    request: HttpRequest, run: Run, content: Callable[[Run], Iterator[str]], ending: str, kind: str
) -> HttpResponse | StreamingHttpResponse:
    if run.output_removed_at:
        words = f"The output of run {run.pk} was removed: it is kept for a number of days only.\n"
        return HttpResponse(words, status=410, content_type="text/plain; charset=utf-8")
    response = StreamingHttpResponse(streamed(request, content(run)), content_type=kind)
    how = "inline" if "read" in request.GET and ending == "log" else "attachment"
    response["Content-Disposition"] = f'{how}; filename="run-{run.pk}.{ending}"'
    return response
