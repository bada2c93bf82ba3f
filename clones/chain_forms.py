"""What the chain actions take in; the services check the rest."""

from django import forms

from clones.wanted import Wanted


class ChildForm(forms.Form):
    name = forms.CharField(max_length=63, required=False)
    live = forms.BooleanField(required=False)
    no_start = forms.BooleanField(required=False)

    def wanted(self, parent: str) -> Wanted:
        data = self.cleaned_data
        way = "live" if data["live"] else ""
        return Wanted(parent=parent, name=data["name"], start=not data["no_start"], way=way)


class PromoteForm(forms.Form):
    name = forms.CharField(max_length=63)


class RebaseForm(forms.Form):
    to = forms.IntegerField(min_value=1, required=False)
