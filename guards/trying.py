"""One text through one guard, for the console's "try" page: what it does, and where in the text it found what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from guards.engine import inspect
from guards.models import Guard, Stage
from guards.verdicts import Finding, merged

LONGEST = 32 * 1024  # characters, as for a message (decision 8)


@dataclass(frozen=True, slots=True)
class Tried:
    """`action` is pass, warn, redact or block; `error` says that the guard failed, and then there is no verdict."""

    action: str
    marked: SafeString
    result: str
    table: SafeString
    milliseconds: str
    error: str


class TryForm(forms.Form):
    stage = forms.ChoiceField(
        label=_("As"),
        choices=[
            (Stage.INPUT, _("a question, on its way in")),
            (Stage.OUTPUT, _("an answer, on its way out")),
        ],
        help_text=_("Where the guard would stand."),
    )
    text = forms.CharField(
        label=_("Text"),
        max_length=LONGEST,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "cols": 80, "spellcheck": "false"}),
        help_text=_("Nothing of it is kept, and no event is written."),
    )

    def tried(self, guard: Guard) -> Tried:
        """Runs the guard as the journey would, in its own mode."""
        text = self.cleaned_data["text"].replace("\r\n", "\n")
        active = guard.activated()
        inspection = inspect([text], [active], stage=self.cleaned_data["stage"])
        outcome = inspection.outcomes[0]
        return Tried(
            action=inspection.action.word,
            marked=marked(text, outcome.findings),
            result=active.message if inspection.blocked else inspection.texts[0],
            table=findings_table([finding.as_json() for finding in outcome.findings]),
            milliseconds=f"{outcome.latency_us / 1000:.2f} ms",
            error=outcome.error,
        )


def marked(text: str, findings: Sequence[Finding]) -> SafeString:
    """The text with what was found marked; escaped."""
    pieces: list[SafeString] = []
    place = 0
    for finding in merged(findings):
        pieces.append(format_html("{}", text[place : finding.start]))
        found = text[finding.start : finding.end]
        words = finding.category.replace("_", " ")
        pieces.append(format_html('<mark title="{}">{}</mark>', words, found))
        place = finding.end
    pieces.append(format_html("{}", text[place:]))
    return format_html_join("", "{}", ((piece,) for piece in pieces))


def findings_table(findings: Sequence[Mapping[str, Any]]) -> SafeString:
    """Category, severity and place of each; never any of the text."""
    if not findings:
        return format_html("<p>{}</p>", _("Nothing was found."))
    rows = (
        (
            str(finding.get("category", "")).replace("_", " "),
            finding.get("severity", ""),
            f"{finding.get('start')}–{finding.get('end')}",
        )
        for finding in findings
    )
    body = format_html_join(
        "", '<tr><td>{}</td><td>{}</td><td><span class="num">{}</span></td></tr>', rows
    )
    return format_html(
        '<table class="findings"><thead><tr><th scope="col">{}</th><th scope="col">{}</th>'
        '<th scope="col">{}</th></tr></thead><tbody>{}</tbody></table>',
        _("category"),
        _("severity"),
        _("characters"),
        body,
    )
