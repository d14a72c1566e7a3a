"""The forms of access reviews: opening one, and deciding about a line."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.models import AccessReview
from projects.models.reviews import validate_due
from teams.models import Team


class ReviewForm(forms.ModelForm):
    """Which team one may open a review for; platform admins also one of the whole platform."""

    actor: Any = None
    team = forms.ModelChoiceField(
        label=_("Team"),
        queryset=Team.objects.none(),
        required=False,
        help_text=_("All its members and assignments, as they are now."),
    )

    class Meta:
        model = AccessReview
        fields = ("due_on", "note")
        widgets = {
            "due_on": forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
            "note": forms.TextInput({"size": 80}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        teams = Team.objects.administered_by(self.actor).order_by("name")
        if not self.actor.is_superuser:
            may = [row.pk for row in teams if self.actor.has_perm("projects.add_accessreview", row)]
            teams = Team.objects.filter(pk__in=may).order_by("name")
        field: Any = self.fields["team"]
        field.queryset, field.required = teams, not self.actor.is_superuser
        field.empty_label = _("The whole platform") if self.actor.is_superuser else "---------"
        self.order_fields(["team", "due_on", "note"])

    def clean_due_on(self) -> Any:
        validate_due(self.cleaned_data["due_on"])
        return self.cleaned_data["due_on"]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        team = found.get("team")
        self.instance.team_id = team.pk if team else None
        return found


class DecideForm(forms.Form):
    note = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=300,
        widget=forms.TextInput({"size": 80, "autocomplete": "off"}),
        help_text=_("It stands beside the decision, in the result and in the trail."),
    )
