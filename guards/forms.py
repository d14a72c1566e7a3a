"""The console's form of a guard: one field for each option of its kind, in place of raw JSON."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from guards.kinds import KINDS
from guards.kinds.base import InvalidOptions, Option, defaults_of
from guards.models import Guard


class LinesField(forms.CharField):
    """A list of texts, one a line; empty lines do not count."""

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)
        self.widget.attrs |= {"rows": 6, "cols": 80, "spellcheck": "false"}

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(str(line) for line in value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        return [line for line in (value or "").splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (initial or []) != self.to_python(data)


def field_name(kind: str, option: str) -> str:
    return f"{kind}__{option}"


def _field(option: Option) -> forms.Field:
    about: dict[str, Any] = {
        "label": option.label,
        "help_text": option.help_text,
        "initial": option.default,
        "required": False,
    }
    if option.shape == "number":
        return forms.IntegerField(min_value=0, **about)
    if option.shape == "switch":
        return forms.BooleanField(**about)
    if option.shape == "choices":
        return forms.MultipleChoiceField(
            choices=tuple(option.values.items()), widget=forms.CheckboxSelectMultiple, **about
        )
    return LinesField(**about)


OPTION_FIELDS = {
    field_name(kind.name, option.name): _field(option)
    for kind in KINDS.values()
    for option in kind.options
}


class PlainGuardForm(forms.ModelForm):
    """A guard without its options: a new guard has those of every kind, and the chosen kind's count."""

    class Meta:
        model = Guard
        exclude = ("options",)
        help_texts = {
            "slug": _("The guard's name in addresses and events; it stays."),
            "kind": _("What the guard looks for; it stays."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = self.instance.kind if self.instance.pk else ""
        for kind in KINDS.values():
            for option in kind.options:
                name = field_name(kind.name, option.name)
                if known and kind.name != known:
                    self.fields.pop(name, None)
                elif known and name in self.fields and option.name in self.instance.options:
                    self.initial[name] = self.instance.options[option.name]

    def clean(self) -> dict[str, Any]:
        """Sets the instance's options: what differs from the kind's defaults. Errors stand at their fields."""
        data = super().clean() or self.cleaned_data
        kind = KINDS.get(self.instance.kind if self.instance.pk else data.get("kind", ""))
        if kind is None or not any(name in OPTION_FIELDS for name in self.fields):
            return data
        for name in OPTION_FIELDS:
            if not name.startswith(f"{kind.name}__"):
                self.errors.pop(name, None)  # what stands in other kinds' fields is of no concern
        defaults = defaults_of(kind.options)
        given = {name: data.get(field_name(kind.name, name)) for name in defaults}
        options = {n: v for n, v in given.items() if v is not None and v != defaults[n]}
        try:
            kind.compile(options)
        except InvalidOptions as error:
            if field_name(kind.name, error.field) not in self.errors:
                self.add_error(field_name(kind.name, error.field), str(error))
            options = {}
        self.instance.options = options
        return data


GuardForm = type("GuardForm", (PlainGuardForm,), dict(OPTION_FIELDS))
