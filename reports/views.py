"""The reports page, and each report as CSV."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from cowweb.roles import sees_everything
from cowweb.signed import signed_in
from cowweb.tables import csv_text
from reports.drawn import drawn_hours
from reports.tables import REPORTS, SHOWN

DAYS = {"7": 7, "30": 30, "90": 90}
USUAL = 30


@require_GET
def report_list(request: HttpRequest) -> HttpResponse:
    user, days = signed_in(request), DAYS.get(request.GET.get("days", ""), USUAL)
    tables = {name: report(user, days, SHOWN + 1) for name, report in REPORTS.items()}
    context = {
        "tables": tables,
        "charts": drawn_hours(tables["hours"], until=timezone.localdate(), days=days),
        "days": days,
        "choices": DAYS.values(),
        "whole": sees_everything(user),
    }
    return render(request, "reports/report_list.html", context)


@require_GET
def report_csv(request: HttpRequest, name: str) -> HttpResponse:
    if name not in REPORTS:
        raise Http404
    days = DAYS.get(request.GET.get("days", ""), USUAL)
    table = REPORTS[name](signed_in(request), days)
    text = csv_text([column.label for column in table.columns], table.rows)
    answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}-{timezone.localdate()}.csv"'
    return answer
