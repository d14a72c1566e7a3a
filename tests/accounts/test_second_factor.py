"""The second factor itself: its codes, what is stored of them, who demands one, and the deeds on it."""

import os
import re
import subprocess
import sys
import threading
import time

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from accounts import factor_actions, second_factor
from accounts.models import Notice, RecoveryCode, RecoveryDevice, TotpDevice, User
from accounts.notices import words_of
from audit.models import Entry
from portal.errors import Refusal
from teams.models import Membership
from tests.accounts.codes import NOW, clock, code_of, forget, with_factor, wrong_code

HERE = "192.0.2.1"


def check(user, code, at=NOW, address=HERE):
    with clock(at):
        return second_factor.check(user, code, address)


def refused(user, code, **options):
    with pytest.raises(Refusal) as refusal:
        check(user, code, **options)
    return refusal.value.code


def test_a_code_of_this_step_and_its_neighbours_is_taken_others_are_not(cast):
    secret, _codes = with_factor(cast.marco)
    for steps in (-3, -2, 2, 3):
        assert refused(cast.marco, code_of(secret, NOW + 30 * steps)) == "invalid_credentials"
    for steps in (-1, 0, 1):
        assert check(cast.marco, code_of(secret, NOW + 30 * steps)).user_id == cast.marco.pk


def test_a_code_is_taken_once_and_none_of_an_earlier_step_after_it(cast):
    secret, _codes = with_factor(cast.marco)
    check(cast.marco, code_of(secret))
    assert refused(cast.marco, code_of(secret)) == "invalid_credentials"
    assert refused(cast.marco, code_of(secret), at=NOW + 29) == "invalid_credentials"
    assert refused(cast.marco, code_of(secret, NOW - 30)) == "invalid_credentials"
    check(cast.marco, code_of(secret, NOW + 30), at=NOW + 30)


def test_a_code_may_be_typed_with_spaces_and_another_scripts_digits_are_none(cast):
    secret, codes = with_factor(cast.marco)
    code = code_of(secret)
    for typed in (
        code.translate({48 + n: 0x0660 + n for n in range(10)}),
        f"{code}0",
        code[:5],
        f"+{code}",
    ):
        assert refused(cast.marco, typed) == "invalid_credentials"
    assert check(cast.marco, f" {code[:3]} {code[3:]} ")
    assert check(cast.marco, codes[0].lower().replace("-", " "))


@pytest.mark.parametrize("empty", ["", " ", "-", " - - ", "\t\n"])
def test_an_empty_code_never_does_anything(cast, empty):
    device = factor_actions.enrol(by=cast.marco, user=cast.marco)
    with pytest.raises(Refusal):
        factor_actions.confirm(by=cast.marco, user=cast.marco, device=device, code=empty)
    assert not second_factor.has(cast.marco)
    with_factor(cast.sam)
    assert refused(cast.sam, empty) == "second_factor_required"
    recovery = RecoveryDevice.objects.get(user=cast.sam)
    assert not recovery.verify_token(empty)
    assert not TotpDevice.objects.get(user=cast.sam).verify_token(empty)
    assert second_factor.codes_left(cast.sam) == 10


def test_who_has_none_and_needs_none_passes_with_whatever_they_send(cast):
    assert check(cast.marco, "") is None
    assert check(cast.marco, "123456") is None


def test_a_recovery_code_works_once_and_its_owner_is_told(cast):
    _secret, codes = with_factor(cast.marco)
    assert len(set(codes)) == 10
    assert check(cast.marco, codes[3]) == RecoveryDevice.objects.get(user=cast.marco)
    assert refused(cast.marco, codes[3]) == "invalid_credentials"
    assert second_factor.codes_left(cast.marco) == 9
    entry = Entry.objects.get(action="recovery_code_used")
    assert (entry.target_id, entry.changes) == (str(cast.marco.pk), {"left": [10, 9]})
    notice = Notice.objects.get(kind="recovery_code_used")
    assert "9 are left" in words_of(notice)
    assert codes[3] not in words_of(notice)


def test_recovery_codes_have_eighty_bits(cast):
    _secret, codes = with_factor(cast.marco)
    for code in codes:
        assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}", code)


def test_a_recovery_code_that_was_misread_is_still_the_one(cast):
    _secret, codes = with_factor(cast.marco)
    code = next(code for code in codes if "0" in code or "1" in code)
    assert check(cast.marco, code.replace("0", "o").replace("1", "I"))


def test_a_recovery_code_is_its_owners_alone(cast):
    _secret, codes = with_factor(cast.marco)
    with_factor(cast.sam)
    assert refused(cast.sam, codes[0]) == "invalid_credentials"
    assert second_factor.codes_left(cast.marco) == second_factor.codes_left(cast.sam) == 10


def test_new_recovery_codes_end_the_former_ones(cast):
    _secret, former = with_factor(cast.marco)
    codes = factor_actions.make_recovery_codes(by=cast.marco, user=cast.marco)
    assert not set(codes) & set(former)
    assert refused(cast.marco, former[0]) == "invalid_credentials"
    assert check(cast.marco, codes[0])
    assert Entry.objects.filter(action="recovery_codes_made").count() == 1
    assert Notice.objects.filter(kind="recovery_codes_made").count() == 1
    with pytest.raises(Refusal):
        factor_actions.make_recovery_codes(by=cast.sam, user=cast.sam)


def test_of_secrets_and_codes_the_tables_and_the_trail_hold_nothing_in_clear(cast):
    secret, codes = with_factor(cast.marco)
    check(cast.marco, codes[0])
    check(cast.marco, code_of(secret))
    refused(cast.marco, wrong_code(secret))
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM accounts_totpdevice")
        (stored,) = cursor.fetchone()
    assert secret.encode() not in bytes(stored)
    device = TotpDevice.objects.get(user=cast.marco)
    assert device.encryption_owner == f"accounts.User:{cast.marco.pk}"
    written = repr(list(RecoveryCode.objects.values())) + repr(list(Entry.objects.values()))
    for plain in (secret, code_of(secret), *codes, *(code.replace("-", "") for code in codes)):
        assert plain not in written


def test_an_app_that_was_not_confirmed_opens_nothing_and_replaces_nothing(cast):
    secret, _codes = with_factor(cast.marco)
    begun = factor_actions.enrol(by=cast.marco, user=cast.marco)
    assert refused(cast.marco, code_of(begun.secret)) == "invalid_credentials"
    assert check(cast.marco, code_of(secret))
    with pytest.raises(Refusal), clock():
        factor_actions.confirm(
            by=cast.marco, user=cast.marco, device=begun, code=wrong_code(begun.secret)
        )
    assert check(cast.marco, code_of(secret, NOW + 30), at=NOW + 30)


def test_a_confirmed_app_takes_the_others_place_and_its_first_code_is_spent(cast):
    secret, former = with_factor(cast.marco)
    begun = factor_actions.enrol(by=cast.marco, user=cast.marco)
    with clock():
        codes = factor_actions.confirm(
            by=cast.marco, user=cast.marco, device=begun, code=code_of(begun.secret)
        )
    assert TotpDevice.objects.get(user=cast.marco).uid == begun.uid
    assert refused(cast.marco, code_of(begun.secret)) == "invalid_credentials"
    later = NOW + 60
    assert refused(cast.marco, code_of(secret, later), at=later) == "invalid_credentials"
    assert refused(cast.marco, former[0]) == "invalid_credentials"
    assert check(cast.marco, code_of(begun.secret, later), at=later)
    assert check(cast.marco, codes[0])


def test_of_two_enrolments_only_the_later_can_be_confirmed(cast):
    first = factor_actions.enrol(by=cast.marco, user=cast.marco)
    second = factor_actions.enrol(by=cast.marco, user=cast.marco)
    with pytest.raises(Refusal), clock():
        factor_actions.confirm(
            by=cast.marco, user=cast.marco, device=first, code=code_of(first.secret)
        )
    assert second_factor.pending_app(cast.marco, first.uid) is None
    assert second_factor.pending_app(cast.marco, second.uid) == second
    with pytest.raises(IntegrityError), transaction.atomic():
        TotpDevice.objects.create(user=cast.marco, name="another", confirmed=False)


def test_the_deeds_are_ones_own(cast):
    device = factor_actions.enrol(by=cast.marco, user=cast.marco)
    with_factor(cast.sam)
    for deed in (
        lambda: factor_actions.enrol(by=cast.admin, user=cast.marco),
        lambda: factor_actions.confirm(by=cast.admin, user=cast.marco, device=device, code="1"),
        lambda: factor_actions.confirm(by=cast.sam, user=cast.sam, device=device, code="1"),
        lambda: factor_actions.make_recovery_codes(by=cast.admin, user=cast.sam),
        lambda: factor_actions.remove(by=cast.admin, user=cast.sam),
    ):
        with pytest.raises(Refusal):
            deed()


def test_guesses_are_counted_apart_from_passwords_whichever_code_they_imitate(cast):
    secret, codes = with_factor(cast.marco)
    for number in range(10):
        guess = wrong_code(secret) if number % 2 else "ABCD-ABCD-ABCD-ABCD"
        assert refused(cast.marco, guess, address=f"192.0.2.{number}") == "invalid_credentials"
    for right in (code_of(secret), codes[0]):
        assert refused(cast.marco, right, address="192.0.2.99") == "too_many_attempts"
    assert Entry.objects.filter(action="second_factor_failed").count() == 10
    assert second_factor.codes_left(cast.marco) == 10


def test_right_codes_are_never_counted(cast):
    secret, _codes = with_factor(cast.marco)
    for number in range(15):
        at = NOW + 30 * number
        assert check(cast.marco, code_of(secret, at), at=at)


def test_the_platform_or_one_of_ones_teams_demands_it(cast, settings):
    assert not second_factor.is_required(cast.marco)
    cast.support.second_factor_required = True
    cast.support.save()
    assert second_factor.is_required(cast.sam)
    assert not second_factor.is_required(cast.marco)
    assert not second_factor.is_required(cast.admin)
    Membership.objects.create(team=cast.support, user=cast.marco, role="viewer")
    assert second_factor.is_required(cast.marco)
    assert refused(cast.marco, "") == refused(cast.marco, "123456") == "second_factor_required"
    settings.SECOND_FACTOR_REQUIRED = True
    assert second_factor.is_required(cast.admin)


@pytest.mark.once
@pytest.mark.parametrize(("value", "wanted"), [("true", "True"), ("false", "False"), ("", "None")])
def test_the_environment_says_whether_the_platform_demands_it(value, wanted):
    told = {"PORTAL_SECOND_FACTOR_REQUIRED": value}
    code = "from portal import settings; print(settings.SECOND_FACTOR_REQUIRED)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **told}, capture_output=True, text=True
    )
    assert done.stdout.strip() == wanted, done.stderr


def test_what_is_demanded_is_believed_three_seconds_at_most(cast, monkeypatch):
    assert second_factor.standing_of(cast.sam).state == "off"
    now = time.monotonic()
    monkeypatch.setattr(second_factor._known, "clear", lambda label: None)
    with connection.cursor() as cursor:  # as another process would
        cursor.execute("UPDATE teams_team SET second_factor_required = %s", [True])
    monkeypatch.setattr(second_factor.time, "monotonic", lambda: now + 2.5)
    assert second_factor.standing_of(cast.sam).state == "off"
    monkeypatch.setattr(second_factor.time, "monotonic", lambda: now + 3.1)
    assert second_factor.standing_of(cast.sam).state == "due"
    assert second_factor.standing_of(cast.sam).state == "due"


def test_asking_who_was_asked_about_costs_nothing(cast):
    second_factor.standing_of(cast.marco)
    with CaptureQueriesContext(connection) as captured:
        assert not second_factor.is_required(cast.marco)
    assert len(captured) == 0
    forget()
    with CaptureQueriesContext(connection) as captured:
        assert not second_factor.is_required(cast.marco)
    assert len([query for query in captured if "SELECT" in query["sql"]]) == 1


def test_removing_is_refused_while_it_is_demanded(cast):
    with_factor(cast.sam)
    cast.support.second_factor_required = True
    cast.support.save()
    with pytest.raises(Refusal) as refusal:
        factor_actions.remove(by=cast.sam, user=cast.sam)
    assert refusal.value.code == "conflict"
    assert second_factor.has(cast.sam)
    cast.support.second_factor_required = False
    cast.support.save()
    before = User.objects.get(pk=cast.sam.pk).session_epoch
    factor_actions.remove(by=cast.sam, user=cast.sam)
    assert not second_factor.has(cast.sam)
    assert not RecoveryCode.objects.exists()
    assert User.objects.get(pk=cast.sam.pk).session_epoch == before + 1
    assert Entry.objects.filter(action="second_factor_off").count() == 1
    assert Notice.objects.filter(kind="second_factor_off", user=cast.sam).count() == 1


def test_only_another_platform_admin_resets_it(cast):
    with_factor(cast.marco)
    with_factor(cast.admin)
    for by, user in (
        (cast.olivia, cast.marco),
        (cast.auditor, cast.marco),
        (cast.marco, cast.marco),
        (cast.admin, cast.admin),
    ):
        with pytest.raises(Refusal) as refusal:
            factor_actions.reset(by=by, user=user)
        assert refusal.value.code == "permission_denied"
    before = User.objects.get(pk=cast.marco.pk).session_epoch
    factor_actions.reset(by=cast.admin, user=cast.marco)
    assert not second_factor.has(cast.marco)
    assert second_factor.has(cast.admin)
    assert User.objects.get(pk=cast.marco.pk).session_epoch == before + 1
    assert Entry.objects.get(action="second_factor_reset").target_id == str(cast.marco.pk)
    assert Notice.objects.get(kind="second_factor_reset").user_id == cast.marco.pk


def test_the_command_line_helps_the_last_administrator(cast, capsys):
    with_factor(cast.admin)
    call_command("reset_second_factor", email="Admin@example.com")
    assert not second_factor.has(cast.admin)
    call_command("reset_second_factor", email="admin@example.com")
    assert capsys.readouterr().out.split("\n")[:2] == ["It is gone.", "They have none."]
    with pytest.raises(CommandError):
        call_command("reset_second_factor", email="nobody@example.com")


def test_a_deed_without_its_entry_does_not_happen(cast, monkeypatch):
    with_factor(cast.marco)

    def fail(**_fields):
        raise Refusal("audit_unavailable")

    monkeypatch.setattr(factor_actions.trail, "record", fail)
    with pytest.raises(Refusal), transaction.atomic():
        factor_actions.reset(by=cast.admin, user=cast.marco)
    assert second_factor.has(cast.marco)


def at_once(tries):
    """Runs all of them at the same moment, each in a thread; answers what each said, refusals by their code."""
    barrier, said = threading.Barrier(len(tries)), []

    def run(one):
        try:
            barrier.wait()
            said.append(one())
        except Refusal as refusal:
            said.append(refusal.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[one]) for one in tries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return said


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["totp", "recovery"])
def test_of_eight_uses_of_one_code_at_the_same_moment_exactly_one_succeeds(cast, kind):
    secret, codes = with_factor(cast.marco)
    code = code_of(secret) if kind == "totp" else codes[0]
    with clock():
        said = at_once(
            [lambda: second_factor.check(cast.marco, code, HERE) is not None for _ in range(8)]
        )
    assert sorted(map(str, said)) == sorted(["True"] + ["invalid_credentials"] * 7)
    assert second_factor.codes_left(cast.marco) == (10 if kind == "totp" else 9)


@pytest.mark.django_db(transaction=True)
def test_of_eight_confirmations_exactly_one_succeeds_and_leaves_ten_codes(cast):
    device = factor_actions.enrol(by=cast.marco, user=cast.marco)
    code = code_of(device.secret)

    def confirm():
        user = User.objects.get(pk=cast.marco.pk)
        mine = second_factor.pending_app(user, device.uid)
        if mine is None:
            return "gone"
        return len(factor_actions.confirm(by=user, user=user, device=mine, code=code))

    with clock():
        said = at_once([confirm] * 8)
    assert said.count(10) == 1
    assert RecoveryCode.objects.count() == 10
    assert TotpDevice.objects.get().confirmed


@pytest.mark.django_db(transaction=True)
def test_new_codes_made_eight_times_at_once_are_ten(cast):
    with_factor(cast.marco)

    def make():
        user = User.objects.get(pk=cast.marco.pk)
        return len(factor_actions.make_recovery_codes(by=user, user=user))

    assert at_once([make] * 8) == [10] * 8
    assert RecoveryCode.objects.count() == 10
