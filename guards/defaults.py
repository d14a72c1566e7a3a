"""The guards that every installation begins with."""

from django.db import transaction
from django.utils.translation import gettext as _

from guards.models import Guard, Mode


@transaction.atomic
def ensure_default_guards() -> list[Guard]:
    """`limits`, `personal-data`, `prompt-injection`, `secrets` and `words`; existing ones are left as they are."""
    defaults = (
        ("limits", "limits", Mode.BLOCK, 10, _("This message is too long or has too many links.")),
        (
            "prompt-injection",
            "prompt_injection",
            Mode.BLOCK,
            20,
            _("This looks like an attempt to change the assistant's instructions."),
        ),
        ("secrets", "secrets", Mode.BLOCK, 30, _("This contains a secret, so it was held back.")),
        ("words", "words", Mode.BLOCK, 40, _("This contains a word that is not allowed here.")),
        (
            "personal-data",
            "personal_data",
            Mode.REDACT,
            50,
            _("This contains personal data, so it was held back."),
        ),
    )
    return [
        Guard.objects.get_or_create(
            slug=slug,
            defaults={
                "name": slug.replace("-", " ").capitalize(),
                "kind": kind,
                "mode": mode,
                "priority": priority,
                "message": message,
            },
        )[0]
        for slug, kind, mode, priority, message in defaults
    ]
