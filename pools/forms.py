"""What curators set. The services check the rest, so that every door says the same."""

from typing import Any

from django import forms

from cowweb.values import InvalidValue, memory_mb
from pools.models import Pool

MINUTE_S = 60
DAY_MINUTES = 24 * 60
MOST_SPARES = 256
MOST_IN_A_MINUTE = 600
MOST_AGE_MINUTES = 30 * DAY_MINUTES


class PoolForm(forms.Form):
    """A base's pool; the age limit in minutes, as people think of it."""

    minimum = forms.IntegerField(min_value=0, max_value=MOST_SPARES)
    maximum = forms.IntegerField(min_value=0, max_value=MOST_SPARES)
    refill_per_minute = forms.IntegerField(min_value=1, max_value=MOST_IN_A_MINUTE)
    age_minutes = forms.IntegerField(min_value=1, max_value=MOST_AGE_MINUTES)
    instant = forms.BooleanField(required=False)

    @classmethod
    def of(cls, pool: Pool, data: Any = None) -> "PoolForm":
        """The form with what is set now, bound when there is data."""
        return cls(
            data,
            prefix="pool",
            initial={
                "minimum": pool.minimum,
                "maximum": pool.maximum,
                "refill_per_minute": pool.refill_per_minute,
                "age_minutes": max(round(pool.age_limit_s / MINUTE_S), 1),
                "instant": pool.instant,
            },
        )

    def clean(self) -> dict[str, Any]:
        data = {**self.cleaned_data}
        if data.get("minimum", 0) > data.get("maximum", MOST_SPARES):
            self.add_error("minimum", "No more than the most it may hold")
        return data

    def changes(self) -> dict[str, int | bool]:
        """What differs from what is set, as the service takes it."""
        changed = {name: self.cleaned_data[name] for name in self.changed_data}
        if "age_minutes" in changed:
            changed["age_limit_s"] = changed.pop("age_minutes") * MINUTE_S
        return changed


class TemplateForm(forms.Form):
    """The machine that a template is of."""

    memory = forms.CharField(max_length=20)
    cpus = forms.IntegerField(min_value=1, max_value=1024)

    def clean_memory(self) -> int:
        try:
            return memory_mb(self.cleaned_data["memory"])
        except InvalidValue as error:
            raise forms.ValidationError(str(error)) from None
