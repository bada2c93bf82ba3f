"""What the people pages take in. The services check the rest, so that every door says the same."""

from typing import Any

from django import forms

from people.models import Membership, Token

DAYS = [(7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "a year"), ("", "until it is revoked")]


class TeamForm(forms.Form):
    name = forms.CharField(max_length=63)
    description = forms.CharField(max_length=200, required=False)


class InviteForm(forms.Form):
    whom = forms.CharField(max_length=150, required=False)
    role = forms.ChoiceField(choices=Membership.Role.choices, required=False)
    days = forms.IntegerField(required=False)

    def wanted(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            "whom": data["whom"],
            "role": data["role"] or Membership.Role.MEMBER,
            "days": 7 if data["days"] is None else data["days"],
        }


class MemberForm(forms.Form):
    user = forms.CharField(max_length=150)
    role = forms.CharField(max_length=10)


class JoinForm(forms.Form):
    name = forms.CharField(max_length=150)
    full_name = forms.CharField(max_length=150, required=False)
    password = forms.CharField(max_length=4096, strip=False)


class SettingsForm(forms.Form):
    full_name = forms.CharField(max_length=150, required=False)
    email = forms.EmailField(required=False)
    team = forms.CharField(max_length=63, required=False)


class SignInForm(forms.Form):
    username = forms.CharField(max_length=150)
    password = forms.CharField(max_length=4096, strip=False)


class ProofForm(forms.Form):
    """A second proof: a code, or what a passkey signed; or the password again."""

    code = forms.CharField(max_length=64, required=False)
    credential = forms.CharField(max_length=65536, required=False)
    password = forms.CharField(max_length=4096, strip=False, required=False)


class CodeForm(forms.Form):
    code = forms.CharField(max_length=64)


class PasswordForm(forms.Form):
    current = forms.CharField(max_length=4096, strip=False, required=False)
    password = forms.CharField(max_length=4096, strip=False)


class PasskeyForm(forms.Form):
    name = forms.CharField(max_length=63, required=False)
    credential = forms.CharField(max_length=65536)


class TokenForm(forms.Form):
    name = forms.CharField(max_length=63)
    scope = forms.ChoiceField(choices=Token.Scope.choices)
    days = forms.TypedChoiceField(choices=DAYS, coerce=int, empty_value=None, required=False)
