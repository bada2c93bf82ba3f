"""What a clone's disk is brought back to."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from audit.services import actor_of
from clones.chain_views import tried
from clones.forms import SnapshotForm
from clones.snapshots import clone_reset, snapshot_create, snapshot_delete, snapshot_restore
from clones.views import clone_at, clone_or_404
from cowweb.errors import DomainError
from cowweb.http import back
from hosts.errors import DriverError


@require_POST
def snapshot_create_view(request: HttpRequest, name: str) -> HttpResponse:
    clone, form = clone_or_404(request, name), SnapshotForm(request.POST)
    if form.is_valid():
        wanted = form.cleaned_data["name"]
        try:
            snapshot_create(clone=clone, name=wanted, actor=actor_of(request))
        except (DomainError, DriverError) as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, f"Snapshot {wanted} taken")
            return back(request, "clone-detail", name=name)
    return clone_at(request, clone, "snapshots", status=422, snapshot_form=form)


@require_POST
def snapshot_restore_view(request: HttpRequest, name: str, snapshot: str) -> HttpResponse:
    clone, actor = clone_or_404(request, name), actor_of(request)
    there = f"{name} is back at {snapshot}"
    return tried(request, name, lambda: snapshot_restore(clone=clone, name=snapshot, actor=actor), there)


@require_POST
def snapshot_delete_view(request: HttpRequest, name: str, snapshot: str) -> HttpResponse:
    clone, actor = clone_or_404(request, name), actor_of(request)
    gone = f"Snapshot {snapshot} deleted"
    return tried(request, name, lambda: snapshot_delete(clone=clone, name=snapshot, actor=actor), gone)


@require_POST
def clone_reset_view(request: HttpRequest, name: str) -> HttpResponse:
    clone, actor = clone_or_404(request, name), actor_of(request)
    there = f"{name} is as {clone.revision} is"
    return tried(request, name, lambda: clone_reset(clone=clone, actor=actor), there)
