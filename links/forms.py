"""What the pages take in about links."""

from django import forms

LASTING = [(1, "an hour"), (24, "a day"), (24 * 7, "a week"), (24 * 30, "30 days")]


class LinkForm(forms.Form):
    port = forms.IntegerField(min_value=1, max_value=65535)
    hours = forms.TypedChoiceField(choices=LASTING, coerce=int)
