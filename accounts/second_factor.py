"""Whether a person has a second factor, whether they must, and whether a code is right.

The platform (a setting of it) or a team may demand one, of whoever signs in by whatever first factor.
A key is a credential of its own: it keeps working, and has no second factor.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet, Value
from django.utils.translation import gettext as _
from django_otp.models import Device

from accounts import notices
from accounts.models import RecoveryCode, RecoveryDevice, TotpDevice, User
from accounts.models.second_factor import is_totp, plain_code
from accounts.throttle import attempt
from audit import trail
from portal.context import Actor, current
from portal.errors import Refusal
from portal.platform_settings import value
from portal.recording import register_listener

LIFETIME = (
    3.0  # seconds that a standing is believed in this process; any change here ends it at once
)
MAX_ENTRIES = 20_000
ON, DUE, OFF = "on", "due", "off"

Condition = Callable[[], Any]
_demands: list[tuple[Condition, Condition]] = []


def register_demand(of_one: Condition, of_many: Condition) -> None:
    """Expressions over users, true of whom a higher room demands a second factor.

    `of_one` is asked of a person before anything of theirs is in sight, `of_many` within the rows that one may see.
    """
    _demands.append((of_one, of_many))


@dataclass(frozen=True, slots=True)
class Standing:
    has: bool
    must: bool

    @property
    def state(self) -> str:
        """*on*; *due*: must have one and has none; *off*."""
        if self.has:
            return ON
        return DUE if self.must else OFF


class _Known:
    """Standings by person, for a few seconds."""

    def __init__(self) -> None:
        self._standings: dict[int, tuple[float, Standing]] = {}
        self._generation = 0
        self._lock = threading.Lock()

    def of(self, user: Any) -> Standing:
        found = self._believed(user.pk)
        if found is None:
            generation, asked_at = self._generation, time.monotonic()
            found = standing_now(user)
            self._keep(user.pk, found, generation, asked_at)
        return found

    def load(self, user_id: int) -> User | None:
        rows = User.objects.filter(pk=user_id, is_active=True).order_by()
        if self._believed(user_id) is not None:
            return rows.first()
        generation, asked_at = self._generation, time.monotonic()
        user: Any = rows.annotate(_has=_having(), _must=_demanded(0)).first()
        if user is not None:
            self._keep(user.pk, Standing(user._has, user._must), generation, asked_at)
        return user

    def _believed(self, user_id: int) -> Standing | None:
        found = self._standings.get(user_id)
        return found[1] if found is not None and time.monotonic() < found[0] else None

    def _keep(self, user_id: int, standing: Standing, generation: int, asked_at: float) -> None:
        """Only if nothing changed since `generation` was read, before the look-up."""
        with self._lock:
            if generation == self._generation:
                if len(self._standings) >= MAX_ENTRIES:
                    self._standings.clear()
                self._standings[user_id] = (asked_at + LIFETIME, standing)

    def clear(self, label: str) -> None:
        with self._lock:
            self._generation += 1
            self._standings.clear()


_known = _Known()
register_listener(_known.clear)


def standing_now(user: Any) -> Standing:
    """As the database has it at this moment."""
    rows = User.objects.filter(pk=user.pk).order_by()
    row = rows.annotate(_has=_having(), _must=_demanded(0)).values_list("_has", "_must").first()
    return Standing(*row) if row else Standing(has=False, must=False)


def standing_of(user: Any) -> Standing:
    """As it was within the last 3 seconds; no query for whoever was asked about within them."""
    return _known.of(user)


def active_person(user_id: int) -> User | None:
    """The active person of a session. Their standing comes with the same query, unless it is believed already."""
    return _known.load(user_id)


def has(user: Any) -> bool:
    """Whether a second factor is in use, as of now."""
    return bool(TotpDevice.objects.filter(user_id=user.pk, confirmed=True).exists())


def is_required(user: Any) -> bool:
    """Whether the platform or one of their teams demands a second factor of this person."""
    return bool(value("second_factor_required")) or standing_of(user).must


def check(user: Any, code: str, address: str, *, device: str = "") -> Device | None:
    """Takes a code of the app, or a recovery code; to be called once the first factor is proved.

    Answers the device whose it was; None for who has no second factor and needs none. Raises `Refusal`:
    `second_factor_required` for who has one and sent nothing, or must have one and has none; `too_many_attempts`;
    `invalid_credentials`. Outside of transactions, as it counts. `device` is the known browser, as for passwords.
    """
    if not has(user):
        if is_required(user):
            raise Refusal("second_factor_required")
        return None
    if not plain_code(code):
        raise Refusal("second_factor_required")
    tried = attempt(door="code", address=address, account=user.email, device=device)
    found = _fitting(user, plain_code(code))
    if found is None:
        trail.record(action="second_factor_failed", target=user, outcome="refused")
        raise Refusal("invalid_credentials", _("This code is not valid, or was used before."))
    tried.succeeded()
    return found


def _fitting(user: Any, code: str) -> Device | None:
    if is_totp(code):
        app = TotpDevice.objects.filter(user_id=user.pk, confirmed=True).first()
        return app if app is not None and app.verify_token(code) else None
    device = RecoveryDevice.objects.filter(user_id=user.pk).first()
    if device is None:
        return None
    with transaction.atomic():
        if not device.verify_token(code):
            return None
        left = codes_left(user)
        who = Actor("user", str(user.pk), user.email)
        trail.record(
            action="recovery_code_used", target=user, changes={"left": [left + 1, left]}, actor=who
        )
        notices.tell(user.pk, "recovery_code_used", address=current().address, left=left)
    return device


def codes_left(user: Any) -> int:
    """How many recovery codes were not used yet."""
    return int(RecoveryCode.objects.filter(device__user_id=user.pk).count())


def app_of(user: Any) -> TotpDevice | None:
    """The one in use."""
    return TotpDevice.objects.filter(user_id=user.pk, confirmed=True).first()


def pending_app(user: Any, uid: str) -> TotpDevice | None:
    """The one that this enrolment began; None once another enrolment took its place, or confirmed it."""
    return TotpDevice.objects.filter(user_id=user.pk, confirmed=False, uid=uid).first()


def with_state(people: QuerySet) -> QuerySet:
    """Their states, so that `user.second_factor_state` asks nothing of its own."""
    return people.annotate(has_factor=_having(), must_have_factor=_demanded(1))


def in_state(people: QuerySet, state: str) -> QuerySet:
    """Those whose state is *on*, *due* or *off*."""
    if state == ON:
        return people.filter(_having())
    demanded = _demanded(1)
    return people.filter(~_having(), demanded if state == DUE else ~Q(demanded))


def _having() -> Exists:
    return Exists(TotpDevice.objects.filter(user_id=OuterRef("pk"), confirmed=True))


def _demanded(place: int) -> Any:
    if value("second_factor_required"):
        return ExpressionWrapper(Value(True), output_field=BooleanField())
    found = Q(pk__in=[])
    for conditions in _demands:
        found |= Q(conditions[place]())
    return ExpressionWrapper(found, output_field=BooleanField())
