"""What the curators' pages take in. The services check the rest, so that every door says the same."""

from typing import Any

from django import forms

from bases.models import BaseImage, BaseRevision
from cowweb.values import InvalidValue, memory_mb
from people.models import Team

SEEDS = [("nocloud", "cloud-init (NoCloud volume)"), ("fw_cfg", "our first-boot hook")]
BOOTS = [(kind.value, kind.label) for kind in (BaseRevision.BootKind.BIOS, BaseRevision.BootKind.UEFI)]


class MemoryField(forms.CharField):
    """Memory as people write it; MiB to the services."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return memory_mb(text) if text else None
        except InvalidValue as error:
            raise forms.ValidationError(str(error)) from None


class ImportForm(forms.Form):
    """What is said of the base that an image becomes."""

    name = forms.CharField(max_length=63, help_text="a new base, or one that gets a revision")
    digest = forms.CharField(max_length=140, required=False, help_text="sha256 or sha512, if you know it")
    os = forms.CharField(label="System", max_length=80, required=False)
    description = forms.CharField(max_length=500, required=False)
    ssh_user = forms.CharField(label="SSH user", max_length=32, required=False)
    memory = MemoryField(max_length=20, required=False, help_text="512M, 2G")
    cpus = forms.IntegerField(label="CPUs", min_value=1, max_value=1024, required=False)
    boot = forms.ChoiceField(label="Boots by", choices=BOOTS, required=False)
    seed = forms.ChoiceField(label="Identity by", choices=SEEDS, required=False)

    def facts(self) -> dict[str, Any]:
        data = self.cleaned_data
        names = ("os", "description", "ssh_user", "cpus", "boot", "seed")
        said = {name: data[name] for name in names} | {"memory_mb": data["memory"]}
        return {name: value for name, value in said.items() if value not in ("", None)}


class UrlForm(ImportForm):
    url = forms.CharField(label="Address", max_length=2048)
    field_order = ("url", "name", "digest")


class PathForm(ImportForm):
    """A file that somebody with access to the host put into an import folder."""

    path = forms.CharField(label="File", max_length=255)
    field_order = ("path", "name", "digest")


class UploadForm(ImportForm):
    """The file itself comes in chunks, or with the form where there is no script."""

    file = forms.FileField(required=False)
    file_name = forms.CharField(max_length=255, required=False)
    file_modified = forms.IntegerField(min_value=0, required=False)
    size = forms.IntegerField(min_value=1, required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        file = data.get("file")
        if file:
            data["file_name"], data["size"] = file.name, file.size
        elif not data.get("size"):
            self.add_error("file", "Choose the image")
        return data


class SettingsForm(forms.ModelForm[BaseImage]):
    """What curators change of a base. Never the image."""

    memory = MemoryField(label="Memory", max_length=20)
    open_to = forms.MultipleChoiceField(label="Open to teams", required=False)

    class Meta:
        model = BaseImage
        fields = ("description", "os", "ssh_user", "cpus", "rexx_installed", "releases", "for_everyone")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        teams = Team.objects.order_by("name").values_list("name", flat=True)
        field = self.fields["open_to"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(name, name) for name in teams]
        field.initial = [team.name for team in self.instance.teams.all()]
        self.fields["memory"].initial = f"{self.instance.memory_mb}M"

    def changes(self) -> dict[str, Any]:
        """The fields that were changed, visibility aside."""
        data = self.cleaned_data
        names = [name for name in self.changed_data if name in self.Meta.fields and name != "for_everyone"]
        changed = {name: data[name] for name in names}
        return changed | ({"memory_mb": data["memory"]} if "memory" in self.changed_data else {})

    def open_words(self) -> list[str]:
        if self.cleaned_data["for_everyone"]:
            return ["everyone"]
        return self.cleaned_data["open_to"] or ["curators"]
