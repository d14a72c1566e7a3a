"""The choice of a team's custom role in the console's forms of memberships and of groups' mappings."""

from typing import Any

from django.forms import ValidationError
from django.utils.translation import gettext_lazy as _


class CustomRoleFormMixin:
    """Offers the roles of the team at hand, or of all teams in sight, each with what it stands on."""

    instance: Any
    fields: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields.get("custom_role")
        if field is None:
            return
        field.queryset = field.queryset.select_related("team")
        known = self.instance.pk is not None
        if known:
            field.queryset = field.queryset.filter(team_id=self.instance.team_id)
        words = _("%(name)s, on %(base)s") if known else _("%(team)s: %(name)s, on %(base)s")
        field.empty_label = _("none: the whole role")
        field.label_from_instance = lambda row: (
            words
            % {
                "team": row.team,
                "name": row.name,
                "base": row.get_base_display(),
            }
        )

    def clean(self) -> Any:
        found = super().clean() or self.cleaned_data  # type: ignore[misc,attr-defined]
        own, role = found.get("custom_role"), found.get("role")
        team = found.get("team") or (self.instance.team if self.instance.pk else None)
        if own is None or role is None or team is None:
            return found
        if own.team_id != team.pk:
            raise ValidationError({"custom_role": _("This role is another team's.")})
        if own.base != role:
            words = _("It stands on %(base)s: choose that role above.")
            raise ValidationError({"custom_role": words % {"base": own.get_base_display()}})
        return found
