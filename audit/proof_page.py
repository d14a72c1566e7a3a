"""The proof of one entry as a file, which the verifier that runs alone reads."""

import io
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

import audit.verifier
from audit.models import Entry
from audit.sealed_export import write_selection
from audit.verifier import Problem
from portal.errors import Refusal


def download(request: HttpRequest, entry: Entry) -> HttpResponse:
    """For who may read the entry. Raises `Refusal("conflict")` where there is no proof, or the trail was changed."""
    file = io.BytesIO()
    try:
        written, _left_out = write_selection(file, [entry.pk], selection={"id": entry.pk})
    except Problem as error:
        words = _("The trail is not as it was sealed: %(why)s") % {"why": error}
        raise Refusal("conflict", words) from error
    if not written:
        raise Refusal("conflict", _("There is no proof of this entry: it is not sealed yet."))
    response = HttpResponse(file.getvalue(), content_type="application/x-ndjson")
    response["Content-Disposition"] = f'attachment; filename="entry-{entry.pk}-proof.jsonl"'
    response["Cache-Control"] = "no-store"
    return response


def verifier() -> HttpResponse:
    """The verifier's source; links to it say that it is downloaded."""
    source = Path(audit.verifier.__file__).read_bytes()
    return HttpResponse(source, content_type="text/plain; charset=utf-8")
