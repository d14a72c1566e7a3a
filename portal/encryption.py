"""Secrets and content at rest: django-fernet-fields-v2 made safe against expressions, look-ups, dumps and moved rows.

A stored value is `<key uid>.<Fernet token>`, and the token holds where it belongs: model, field, row and owner. Copied
into another row or column it does not open. It is opened when somebody reads the attribute, not when the row is
loaded: a list of rows never fails for one that cannot be read, and lists decrypt nothing that they do not show.
"""

import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING, Any, Self

import fernet_fields
from django.core.exceptions import FieldError
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from portal import keyring
from portal.keyring import Elsewhere, Unreadable

FernetTextField: Any = fernet_fields.EncryptedTextField
MASK = "••••"
BINDING = 16  # bytes


def new_uid() -> str:
    """128 random bits in hex: what names a row to the outside, and binds its ciphertexts to it."""
    return secrets.token_hex(16)


class Sealed:
    """A stored ciphertext, which opens together with its row only. As text it is a mask."""

    __slots__ = ("_opened", "token")

    def __init__(self, token: bytes) -> None:
        self.token = token
        self._opened: str | None = None

    def __str__(self) -> str:
        return MASK

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __reduce__(self) -> Any:
        """Pickled and copied as the ciphertext alone, whatever was opened."""
        return Sealed, (self.token,)

    @property
    def key_uid(self) -> str:
        return self.token.partition(b".")[0].decode(errors="replace")

    def open(self, *, owner: str, place: str) -> str:
        """The text, if it was sealed for this owner and place; raises `Unreadable` otherwise."""
        if self._opened is None:
            self._opened = unseal(self.token, owner=owner, place=place)
        return self._opened


def seal(text: str, *, owner: str, place: str) -> bytes:
    """`<key uid>.<Fernet token>`, ASCII, under the owner's current key."""
    secret = keyring.current(owner)
    return (
        secret.uid.encode() + b"." + secret.fernet.encrypt(_binding(owner, place) + text.encode())
    )


def unseal(token: bytes, *, owner: str, place: str) -> str:
    """The text; raises `Unreadable` for whatever was not sealed for this owner and place."""
    uid, dot, rest = token.partition(b".")
    if not dot:
        raise Unreadable("It is not a sealed value.")
    secret = keyring.by_uid(uid.decode(errors="replace"))
    if secret.owner != owner:
        raise Elsewhere("It belongs to another owner.")
    found = keyring.open_with(secret, rest)
    if not hmac.compare_digest(found[:BINDING], _binding(owner, place)):
        raise Elsewhere("It belongs to another row.")
    return found[BINDING:].decode()


def _binding(owner: str, place: str) -> bytes:
    """Where a value belongs, in 128 bits; Fernet itself knows no associated data."""
    return hashlib.sha256(f"{owner}\n{place}".encode()).digest()[:BINDING]


class SealedAttribute(DeferredAttribute):
    """On an instance the attribute is the text. Setting it keeps what is set until it is saved."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is None:
            return self
        value = super().__get__(instance, cls)
        return self.field.opened(instance, value) if isinstance(value, Sealed) else value

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(FernetTextField):
    """Text of a row that has a `uid` and an `encryption_owner`. Reading it may raise `Unreadable`, never less than that.

    Upstream would store `Value()`, `F()` and `bulk_update()`'s CASE as literal text, would write plaintext in
    `dumpdata`, and knows neither rows nor owners; all of that is closed here. `update()` takes None, "" and what
    `sealed_for` made.
    """

    descriptor_class = SealedAttribute

    if TYPE_CHECKING:  # on an instance the attribute is the text

        def __get__(self, instance: Any, owner: Any) -> Any: ...
        def __set__(self, instance: Any, value: Any) -> None: ...

    def place(self, instance: Any) -> str:
        return f"{self.model._meta.label}.{self.name} {instance.uid}"

    def sealed_for(self, instance: Any, value: Any) -> Any:
        """What the column of this row holds for a value."""
        if value is None or value == "":
            return value
        if isinstance(value, Sealed):
            return self._carried_over(instance, value)
        if hasattr(value, "resolve_expression"):
            raise FieldError(f"Expressions cannot be stored in {self.name}.")
        return Sealed(
            seal(self.dump(value), owner=instance.encryption_owner, place=self.place(instance))
        )

    def _carried_over(self, instance: Any, sealed: Sealed) -> Sealed:
        """As it is, unless its key was retired since: what is written is under the owner's current key."""
        try:
            if sealed.key_uid == keyring.current(instance.encryption_owner).uid:
                return sealed
            return self.sealed_for(instance, self.opened(instance, sealed))
        except Unreadable:
            return sealed

    def opened(self, instance: Any, sealed: Sealed) -> Any:
        return self.load(sealed.open(owner=instance.encryption_owner, place=self.place(instance)))

    def dump(self, value: Any) -> str:
        return str(value)

    def load(self, text: str) -> Any:
        return text

    def pre_save(self, model_instance: Any, add: bool) -> Any:
        return self.sealed_for(model_instance, model_instance.__dict__.get(self.attname))

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if hasattr(value, "resolve_expression"):
            if _binds_only_values(value, self):
                return value
            raise FieldError(f"Expressions cannot be stored in {self.name}.")
        if value is None:
            return None
        if value == "":
            return connection.Database.Binary(b"")
        if not isinstance(value, Sealed):
            raise FieldError(f"{self.name} is sealed with its row: save the instance.")
        return connection.Database.Binary(value.token)

    def from_db_value(self, value: Any, expression: Any, connection: Any, *args: Any) -> Any:
        if value is None:
            return None
        token = bytes(value)
        return Sealed(token) if token else self.empty()

    def empty(self) -> Any:
        return ""

    def value_from_object(self, obj: Any) -> Any:
        """For forms, which show the rest of a row with an unreadable value, so that it can be replaced."""
        return readable(obj, self.attname, self.empty())

    def value_to_string(self, obj: Any) -> str:
        raise FieldError(f"{self.name} is not serialised in clear.")


class EncryptedJSONField(EncryptedTextField):
    """An object, stored as encrypted JSON text."""

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> Any:
        return value

    def dump(self, value: Any) -> str:
        return json.dumps(value, sort_keys=True)

    def load(self, text: str) -> Any:
        return json.loads(text)

    def empty(self) -> Any:
        return {}

    def sealed_for(self, instance: Any, value: Any) -> Any:
        return super().sealed_for(instance, "" if value == {} else value)

    def formfield(self, **kwargs: Any) -> Any:
        from django import forms

        return models.Field.formfield(self, form_class=forms.JSONField, **kwargs)


class RingTextField(EncryptedTextField):
    """For data keys themselves, which are under the key ring; their place names whose they are."""

    def place(self, instance: Any) -> str:
        return f"{super().place(instance)} {instance.owner}"


class SealedModel(models.Model):
    """The base of models with encrypted fields. What was not touched is neither opened nor checked when it is saved.

    `owned_by` names the columns that say whose a row is. They do not change: what is stored would not open for another.
    """

    owned_by: tuple[str, ...] = ()

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, db: Any, field_names: Any, values: Any) -> Self:
        loaded = super().from_db(db, field_names, values)
        loaded._owned_by = {name: loaded.__dict__.get(name) for name in cls.owned_by}
        return loaded

    def save(self, *args: Any, **kwargs: Any) -> None:
        for name, loaded in getattr(self, "_owned_by", {}).items():
            if loaded is not None and self.__dict__.get(name, loaded) != loaded:
                raise ValueError(f"{type(self).__name__}.{name} says whose the row is, and stays.")
        super().save(*args, **kwargs)

    def clean_fields(self, exclude: Any = None) -> None:
        super().clean_fields(exclude={*(exclude or ()), *self._untouched()})

    def validate_constraints(self, exclude: Any = None) -> None:
        super().validate_constraints(exclude={*(exclude or ()), *self._untouched()})

    def _untouched(self) -> list[str]:
        return [
            field.name
            for field in encrypted_fields(type(self))
            if isinstance(self.__dict__.get(field.attname, Sealed(b"")), Sealed)
        ]


def _binds_only_values(expression: Any, field: models.Field) -> bool:
    """True when every leaf is a sealed value of this field: the CASE that `RecordedQuerySet.bulk_update` builds."""
    from django.db.models import Case, Value
    from django.db.models.functions import Cast

    if isinstance(expression, Value):
        return expression.value is None or (
            expression.output_field is field and isinstance(expression.value, Sealed | str)
        )
    if isinstance(expression, Cast):
        return all(_binds_only_values(e, field) for e in expression.get_source_expressions())
    if isinstance(expression, Case):
        return all(
            _binds_only_values(case.result, field) for case in expression.cases
        ) and _binds_only_values(expression.default, field)
    return False


def encrypted_fields(model: type[models.Model]) -> list[EncryptedTextField]:
    return [field for field in model._meta.concrete_fields if isinstance(field, EncryptedTextField)]


UNREADABLE = object()  # stands for a value that cannot be opened, and equals nothing else


def readable(instance: Any, name: str, otherwise: Any = None) -> Any:
    """The attribute, or `otherwise` where it cannot be opened: for lists, which show the rest."""
    try:
        return getattr(instance, name)
    except Unreadable:
        return otherwise


def mask(last_four: str) -> str:
    """How a stored secret is shown; empty where there is none."""
    return f"{MASK}{last_four}" if last_four else ""


def is_mask(value: str) -> bool:
    """True for what `mask` produced, and for what stands for it elsewhere: saving it back changes nothing."""
    found = value.strip()
    return found.startswith(MASK) or (found != "" and set(found) <= {MASK[0], "*", " "})
