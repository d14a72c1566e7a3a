"""Every command and every background task × what it leaves in the trail, held against the tables; the system did it.

A command of ours or a task without its line fails.
"""

from datetime import timedelta

import pytest
from django.core.management import call_command, get_commands
from django.utils import timezone

from accounts.models import Impersonation, Key, PendingChange
from portal.celery import app
from portal.context import RequestContext, entered
from portal.failures import ROOMS
from projects.models import Conversation, Exchange
from tests.accounts.codes import with_factor
from tests.audit import ledger

pytestmark = pytest.mark.django_db
NOTHING = ""
FACTOR_GONE = (
    "delete accounts.RecoveryDevice; delete accounts.TotpDevice; second_factor_reset; "
    "update accounts.User"
)


def _factor(cast, tmp_path):
    with_factor(cast.marco)
    return {"email": "marco@example.com"}


def _old_conversation(cast, tmp_path):
    talk = Conversation.objects.create(project=cast.assistant, user=cast.marco)
    Conversation.objects.filter(pk=talk.pk).update(updated_at=timezone.now() - timedelta(days=400))
    return {}


def _texts(cast, tmp_path):
    (tmp_path / "in").write_text('{"text": "hello"}\n')
    return {"slug": "words", "input": tmp_path / "in", "output": tmp_path / "out"}


def _given(**options):
    return lambda cast, tmp_path: options


COMMANDS = {
    "create_admin": (_given(email="new@example.com"), "create accounts.User"),
    "reset_second_factor": (_factor, FACTOR_GONE),
    "create_key": (_given(user="marco@example.com", name="new"), "create accounts.Key"),
    "rotate_encryption": (_given(), "encryption_rotated"),
    "apply_retention": (_old_conversation, "retention_applied"),
    "export_audit": (lambda cast, path: {"output": path / "trail.jsonl"}, "audit_exported"),
    # They look, or write what the trail does not record (`portal/classification.py` says why).
    "evaluate_guard": (_texts, NOTHING),
    "seal_audit": (_given(), NOTHING),
    "verify_audit": (_given(), NOTHING),
    "snapshot_permissions": (_given(), NOTHING),
    "load_demo": (
        _given(),
        "create accounts.User; create guards.Guard; create portal.Model; create portal.Provider; "
        "create projects.Project; "
        "create projects.ProjectGuard; create projects.ProjectMember; create teams.Grant; "
        "create teams.Membership; create teams.Team; create widget.Widget",
    ),
}
NOT_RUN = {
    "serve": "starts the others, and the processes that answer and work",
    "create_database_roles": "roles of the database server, which no table of ours holds",
}


def test_every_command_of_ours_has_its_line():
    ours = {name for name, room in get_commands().items() if room in ROOMS}
    assert ours == set(COMMANDS) | set(NOT_RUN)


def balanced(context, run):
    with ledger.balanced() as page, entered(context):
        run()
    for entry in page().entries:
        assert (entry.actor_kind, entry.actor_user_id) == ("system", None)
        assert (entry.method, entry.path) == (context.method, context.path)
        assert entry.request_id == context.request_id
    return "; ".join(page().words())


@pytest.fixture(autouse=True)
def checkpoints(settings, tmp_path):
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "checkpoints"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_leaves_what_its_line_says(request, tmp_path, name):
    """The demo organisation comes to an empty portal, all else to the cast's."""
    prepare, said = COMMANDS[name]
    cast = request.getfixturevalue("db" if name == "load_demo" else "cast")
    options = prepare(cast, tmp_path)
    places = [str(options.pop("slug"))] if "slug" in options else []
    context = RequestContext(method="COMMAND", path=name)
    left = balanced(context, lambda: call_command(name, *places, **options))
    assert left == said


def _overdue_change(cast):
    PendingChange.objects.create(
        target_model="teams.Team",
        target_id=cast.research.pk,
        verb="change",
        reason="To look at it",
        content={"steps": []},
        proposed_by=cast.adam,
        expires_at=timezone.now() - timedelta(days=1),
    )


def _overdue_impersonation(cast):
    ended = timezone.now() - timedelta(minutes=1)
    Impersonation.objects.create(admin=cast.admin, user=cast.marco, reason="To look", ends_at=ended)


def _busy_key(cast):
    cast.key(cast.marco)
    Key.objects.update(created_at=timezone.now() - timedelta(days=30))
    moment = timezone.now() - timedelta(minutes=30)
    rows = dict(project_slug="assistant", door="v1", key=Key.objects.get(), user=cast.marco)
    Exchange.objects.bulk_create(Exchange(created_at=moment, **rows) for _ in range(60))


def _open_exchange(cast):
    moment = timezone.now() - timedelta(days=1)
    Exchange.objects.create(
        project=cast.assistant, team=cast.research, door="api", created_at=moment
    )


def _nothing(cast):
    pass


TASKS = {
    "accounts.expire_changes": (_overdue_change, "change_expired"),
    "accounts.end_impersonations": (_overdue_impersonation, "impersonation_expired"),
    "projects.watch_keys": (_busy_key, "key_usage_unusual"),
    "portal.apply_retention": (
        lambda cast: _old_conversation(cast, None) and None,
        "retention_applied",
    ),
    # What they write the trail does not record (`portal/classification.py` says why).
    "accounts.clear_sessions": (_nothing, NOTHING),
    "accounts.mail_notices": (_nothing, NOTHING),
    "audit.forward": (_nothing, NOTHING),
    "audit.seal": (_nothing, NOTHING),
    "portal.clear_buckets": (_nothing, NOTHING),
    "portal.clear_csp_reports": (_nothing, NOTHING),
    "projects.close_abandoned": (_open_exchange, NOTHING),
    "projects.snapshot_permissions": (_nothing, NOTHING),
}


def tasks():
    app.loader.import_default_modules()
    app.finalize()
    return {name for name in app.tasks if name.partition(".")[0] in ROOMS}


def test_every_task_has_its_line():
    assert tasks() == set(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_leaves_what_its_line_says(cast, name):
    tasks()
    prepare, said = TASKS[name]
    prepare(cast)
    with ledger.balanced() as page:
        result = app.tasks[name].apply()
    assert result.successful(), result.traceback
    assert "; ".join(page().words()) == said
    assert len({entry.request_id for entry in page().entries}) <= 1
    for entry in page().entries:
        assert (entry.method, entry.path) == ("TASK", name)
        # Whoever notices that it is over: it was the administrator's.
        kind = "user" if entry.action.startswith("impersonation") else "system"
        assert entry.actor_kind == kind
