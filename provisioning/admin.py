"""Stored scripts are curated here."""

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from audit.services import actor_of
from cowweb.curated import ReadOnlyAdmin
from cowweb.errors import DomainError
from provisioning.library import Draft, script_remove, script_save, text_accepted
from provisioning.models import Runtime, Script


class ScriptForm(forms.ModelForm[Script]):
    """A text that differs from the newest version becomes a version of its own."""

    text = forms.CharField(
        strip=False, widget=forms.Textarea(attrs={"rows": 24, "class": "vLargeTextField mono"})
    )
    note = forms.CharField(required=False, max_length=200, help_text="what this version changes")

    class Meta:
        model = Script
        fields = ("name", "description")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # Django's own signature
        if self.instance.current:
            self.initial["text"] = self.instance.current.text

    def draft(self) -> Draft:
        data = self.cleaned_data
        name = data.get("name") or self.instance.name
        return Draft(name, data.get("text", ""), data.get("description", ""), data.get("note", ""))

    def clean(self) -> None:
        try:
            text_accepted(self.draft())
        except DomainError as error:
            self.add_error(error.field if error.field in self.fields else None, str(error))


@admin.register(Script)
class ScriptAdmin(admin.ModelAdmin[Script]):
    form = ScriptForm
    list_display = ("name", "description", "version", "owner", "saved_at")
    list_select_related = ("current", "owner")
    search_fields = ("name", "description")
    fields = ("name", "description", "text", "note")

    @admin.display(description="version", ordering="current__number")
    def version(self, obj: Script) -> int | None:
        return obj.current.number if obj.current else None

    @admin.display(description="saved", ordering="current__saved_at")
    def saved_at(self, obj: Script) -> object:
        return obj.current.saved_at if obj.current else None

    def get_readonly_fields(self, request: HttpRequest, obj: Script | None = None) -> tuple[str, ...]:
        return ("name",) if obj else ()

    def view_on_site(self, obj: Script) -> str:
        return reverse("script-detail", args=[obj.name])

    def save_model(
        self,
        request: HttpRequest,
        obj: Script,
        form: ScriptForm,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        obj.pk = script_save(form.draft(), actor=actor_of(request)).script_id

    def delete_model(self, request: HttpRequest, obj: Script) -> None:
        script_remove(script=obj, actor=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Script]) -> None:
        for script in queryset:
            script_remove(script=script, actor=actor_of(request))


@admin.register(Runtime)
class RuntimeAdmin(ReadOnlyAdmin[Runtime]):
    """For reading; what is registered goes through the page, where a file is checked."""

    list_display = ("name", "language", "description", "position", "file_name", "digest", "changed_at")
    list_filter = ("language",)
    search_fields = ("name", "description")

    def view_on_site(self, obj: Runtime) -> str:
        return reverse("runtime-list")
