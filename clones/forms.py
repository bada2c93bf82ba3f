"""What the clone pages take in. The services check the rest, so that every door says the same."""

from django import forms

from clones.leases import MOST_HOURS, Length
from clones.lending import Whom
from clones.models import Clone
from clones.wanted import Wanted
from cowweb.values import InvalidValue, egress_ports, machine_name, memory_mb

PATHS = [
    ("", "The quickest there is"),
    (Clone.Way.SPARE, "From a warm spare only"),
    (Clone.Way.MEMORY, "From a template's memory only"),
    (Clone.Way.COLD, "By a cold boot"),
]


class CloneForm(forms.Form):
    base = forms.CharField(max_length=100)
    name = forms.CharField(max_length=63, required=False, help_text="left empty, one is made up")
    memory = forms.CharField(max_length=20, required=False, help_text="512M, 2G; left empty, the base's")
    cpus = forms.IntegerField(min_value=1, max_value=1024, required=False)
    count = forms.IntegerField(min_value=1, max_value=16, required=False)
    path = forms.ChoiceField(choices=PATHS, required=False)
    no_start = forms.BooleanField(required=False)
    lease = forms.IntegerField(min_value=1, max_value=MOST_HOURS, required=False)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if not name:
            return ""
        try:
            return machine_name(name)
        except InvalidValue as error:
            raise forms.ValidationError(str(error)) from None

    def clean_memory(self) -> int | None:
        text: str = self.cleaned_data["memory"]
        if not text:
            return None
        try:
            return memory_mb(text)
        except InvalidValue as error:
            raise forms.ValidationError(str(error)) from None

    def wanted(self) -> list[Wanted]:
        """One clone, or `count` of them."""
        data = self.cleaned_data
        count = data["count"] or 1
        names = [data["name"]] if count == 1 else [""] * count
        if data["name"] and count > 1:
            names = [f"{data['name']}-{number}" for number in range(1, count + 1)]
        return [
            Wanted(
                base=data["base"],
                name=name,
                memory_mb=data["memory"],
                cpus=data["cpus"],
                start=not data["no_start"],
                way=data["path"],
                lease_hours=data["lease"],
            )
            for name in names
        ]


class EgressForm(forms.Form):
    """`open`, `none`, or `listed` with ports."""

    reach = forms.ChoiceField(choices=[("open", "open"), ("listed", "listed"), ("none", "none")])
    ports = forms.CharField(max_length=1000, required=False)

    def wanted(self) -> tuple[int, ...] | None:
        """What was chosen; InvalidValue says what a list should be."""
        reach = self.cleaned_data["reach"]
        return egress_ports(self.cleaned_data["ports"] if reach == "listed" else reach)


class LeaseForm(forms.Form):
    """Without hours: one more usual length."""

    hours = forms.IntegerField(min_value=1, max_value=MOST_HOURS, required=False)


class PolicyForm(forms.Form):
    """How long clones of a team or base last; empty as the site has it."""

    default = forms.IntegerField(min_value=1, max_value=MOST_HOURS, required=False)
    most = forms.IntegerField(min_value=1, max_value=MOST_HOURS, required=False)

    def length(self) -> Length:
        return Length(self.cleaned_data["default"], self.cleaned_data["most"])


class WhomForm(forms.Form):
    user = forms.CharField(max_length=150, required=False)
    team = forms.CharField(max_length=63, required=False)
    level = forms.CharField(max_length=10, required=False)

    def whom(self) -> Whom:
        return Whom(user=self.cleaned_data["user"], team=self.cleaned_data["team"])


class PortForm(forms.Form):
    port = forms.IntegerField(min_value=1, max_value=65535)


class SnapshotForm(forms.Form):
    name = forms.CharField(max_length=63)
