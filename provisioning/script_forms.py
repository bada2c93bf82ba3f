"""What the pages of the library take in."""

from typing import Any

from django import forms

from provisioning.library import DESCRIPTION_CHARACTERS, Draft


class ScriptForm(forms.Form):
    """A script's text; a script that is there keeps its name."""

    name = forms.CharField(max_length=63)
    description = forms.CharField(max_length=DESCRIPTION_CHARACTERS, required=False)
    note = forms.CharField(max_length=DESCRIPTION_CHARACTERS, required=False)
    team = forms.CharField(max_length=63, required=False)
    script = forms.CharField(strip=False, widget=forms.Textarea)

    def __init__(self, *args: Any, fixed_name: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fixed_name = fixed_name
        if fixed_name:
            self.fields["name"].required = False

    def draft(self) -> Draft:
        data = self.cleaned_data
        name = self.fixed_name or data["name"]
        team = data["team"] or "none" if "team" in self.data else None
        return Draft(name, data["script"].replace("\r\n", "\n"), data["description"], data["note"], team)
