"""The overview, the command bar and the HTTP API: three doors to the same services."""

import json

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from audit.models import Via
from audit.services import actor_of
from commands.completion import complete
from commands.dispatch import run_command
from commands.pages import found, names_for, overview_context
from commands.run_verbs import outcome
from commands.service import Caller, Result, unparsed
from cowweb.errors import DomainError
from cowweb.signed import signed_in
from provisioning.views import run_or_404

HTTP_STATUS = {
    "not_found": 404,
    "forbidden": 403,
    "quota": 409,
    "name_taken": 409,
    "conflict": 409,
    "invalid": 422,
}


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    return render(request, "overview.html", overview_context(signed_in(request)))


@require_POST
def command_run(request: HttpRequest) -> HttpResponse:
    """The command bar: what takes long goes on by itself, and the answer links to it."""
    line = request.POST.get("command", "")
    result = run_command(line, Caller(actor=actor_of(request), waits=False))
    context = {
        "result": result,
        "command": line,
        "json": json.dumps(result, indent=2, ensure_ascii=False),
        **log_context(result),
    }
    return render(request, "commands/_result.html", context)


def log_context(result: Result) -> dict[str, object]:
    """The run whose output the palette shows as it comes."""
    if result["operation"] != "provision" or "run" not in result:
        return {}
    return {"run": {"pk": result["run"]}, "log_path": f"/ws/runs/{result['run']}/log/"}


@require_GET
def command_outcome(request: HttpRequest, pk: int) -> HttpResponse:
    """How the run ended whose log the palette has shown."""
    run = run_or_404(request, pk)
    going_on = {} if run.has_ended else log_context({"operation": "provision", "run": run.pk})
    return render(request, "commands/_said.html", {"result": {"success": True, **outcome(run)}, **going_on})


@require_GET
def command_complete(request: HttpRequest) -> HttpResponse:
    """What the palette offers for what was typed so far: words of the language, names, and objects."""
    text = request.GET.get("command", "")[:4096]
    words = complete(text, len(text))
    user = signed_in(request)
    names = names_for(user, words.names, words.prefix)
    hits = [] if words.verb or len(text.strip()) < 2 else found(user, text.strip())
    context = {"words": words, "names": names, "hits": hits, "text": text}
    return render(request, "commands/_suggestions.html", context)


def is_texts(parameters: object) -> bool:
    return isinstance(parameters, dict) and all(isinstance(text, str) for text in parameters.values())


@require_POST
def api_command(request: HttpRequest) -> JsonResponse:
    """`{"command": "clone base=demo"}` in, the result object out, when it is done."""
    try:
        body = json.loads(request.body)
        line, parameters = body["command"], body.get("parameters", {})
    except (ValueError, KeyError, TypeError, AttributeError):
        line, parameters = None, {}
    if not isinstance(line, str) or not is_texts(parameters):
        sentence = 'Send a JSON object with the command: {"command": "list_bases"}; `parameters` holds texts'
        refused = unparsed("", DomainError(sentence), actor_of(request, Via.API))
        return JsonResponse({**refused, "operation": ""}, status=400)
    result = run_command(line, Caller(actor=actor_of(request, Via.API), parameters=parameters))
    status = 200 if result["success"] else HTTP_STATUS.get(result.get("code", ""), 200)
    return JsonResponse(result, status=status)
