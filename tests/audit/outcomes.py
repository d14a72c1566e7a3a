"""What each answer at a door must have left: asked of every route × every kind of person, in `tests/doors`."""

from typing import Any

from audit.models import Entry

# What a look may leave.
LOOKS = {
    *("viewed_while_impersonating", "read_while_impersonating", "refused_while_impersonating"),
    *("access_exported", "access_changes_exported", "access_review_exported"),
    *("usage_exported", "trail_exported", "trail_export_ended"),
    *("key_used_from_new_network", "password_link_failed"),
}
# Files that say nothing of anybody.
OPEN_FILES = ("public-key/", "verifier.py")
# What is refused in a page of its own words, which answers 200.
IN_WORDS = {"sign_in_failed", "password_link_failed", "fresh_authentication_failed"}
IN_WORDS |= {"second_factor_failed"}


def last_id() -> int:
    return Entry.objects.order_by("-id").values_list("id", flat=True).first() or 0


def judge(method: str, path: str, answer: Any, since: int) -> None:
    found = list(Entry.objects.filter(id__gt=since).values_list("action", "outcome", "status"))
    refused = [(action, status) for action, outcome, status in found if outcome != "done"]
    name = f"{method} {path}: {answer.status_code}, {found}"
    if method == "GET":
        assert {action for action, *_ in found} <= LOOKS, name
        if "attachment" in answer.get("Content-Disposition", "") and not path.endswith(OPEN_FILES):
            assert any("_export" in action for action, *_ in found), name
        return
    if answer.status_code < 400:
        assert {action for action, _status in refused} <= IN_WORDS, name
        return
    assert len(refused) == 1, name
    assert refused[0][1] in (None, answer.status_code), name
