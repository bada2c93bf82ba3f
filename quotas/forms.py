"""What the quota pages take in. The services check the rest, so that every door says the same."""

from typing import Any

from django import forms

from quotas.amounts import NO_LIMIT, amount_read, quota_read, until_read
from quotas.models import Quota
from quotas.setting import DEFAULT


class RequestForm(forms.Form):
    team = forms.CharField(max_length=63, required=False)
    quota = forms.ChoiceField(choices=Quota.choices)
    limit = forms.CharField(max_length=20)
    until = forms.CharField(max_length=10)
    why = forms.CharField(max_length=500)

    def wanted(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            "quota": Quota(data["quota"]),
            "most": amount_read(data["quota"], data["limit"]),
            "until": until_read(data["until"]),
            "why": data["why"],
        }


class LimitForm(forms.Form):
    """Whose, as `user:mia`, `team:red`, `quota:people` or `quota:teams`; an empty limit is the default."""

    of = forms.CharField(max_length=160)
    quota = forms.CharField(max_length=12)
    limit = forms.CharField(max_length=20, required=False)

    def wanted(self) -> dict[str, Any]:
        data = self.cleaned_data
        quota, text = quota_read(data["quota"]), data["limit"] or DEFAULT
        if text == DEFAULT:
            return {"quota": quota, "most": DEFAULT}
        return {"quota": quota, "most": None if text == NO_LIMIT else amount_read(quota, text)}


class DecisionForm(forms.Form):
    verb = forms.ChoiceField(choices=[(word, word) for word in ("approve", "refuse", "withdraw")])
    note = forms.CharField(max_length=500, required=False)
