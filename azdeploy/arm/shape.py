"""Tables that say once how a record is laid out in JSON, and work in both directions.

Reading is as lenient as ARM: property names and enum values in any case, numbers as text, null for "not set", and
properties that a table does not name (read-only ones, newer ones) are passed over. Writing leaves out what has its
default. An error tells the path and what is expected there, and never the value, which may be a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from enum import Enum, StrEnum
from math import isfinite
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from azdeploy.arm.codec import FaultyBodyError, Json
from azdeploy.definitions.record import Record
from azdeploy.definitions.secret import Secret
from azdeploy.errors import Problem

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
R = TypeVar("R", bound=Record)
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """One kind of value: how it is written, and how it is read, given where it is (for the error's path)."""

    encode: Callable[[T], Any]
    decode: Callable[[Any, str], T]


class Sent(Enum):
    """When a property is written, and whether a body may lack it."""

    WHEN_SET = "when it differs from its default"
    ALWAYS = "always, though a body may lack it"
    REQUIRED = "always, and a body that lacks it is faulty"
    NEVER = "never: it is only read"


@dataclass(frozen=True, slots=True)
class Property:
    """One row of a table: a field, its form, its JSON name where that is not the field's in camelCase, its path."""

    field: str
    form: Form[Any]
    name: str = ""
    sent: Sent = Sent.WHEN_SET
    within: tuple[str, ...] = ()

    @property
    def path(self) -> tuple[str, ...]:
        """The JSON names that lead to the property."""
        return (*self.within, self.name or camel(self.field))


def inside(name: str, *properties: Property) -> list[Property]:
    """Put properties into an object of that name."""
    return [replace(row, within=(name, *row.within)) for row in properties]


def camel(field: str) -> str:
    """Return the JSON name of a field: ``mount_path`` is ``mountPath``."""
    first, *rest = field.split("_")
    return first + "".join(word.capitalize() for word in rest)


def faulty(where: str, expected: str) -> FaultyBodyError:
    """Return the error for a place in a body and what is expected there."""
    return FaultyBodyError(Problem(where or "body", f"must be {expected}."))


def find(body: Any, *path: str, at: str = "") -> Any:
    """Return what is at a path in a body, whatever the case of its names; None where there is nothing."""
    for name in path:
        if body is None:
            return None
        body = _lowered(body, at).get(name.lower())
        at = join(at, name)
    return body


def join(at: str, name: str) -> str:
    """Return the path of a property in the object at ``at``."""
    return f"{at}.{name}" if at else name


def shape(kind: Callable[..., R], *rows: Property) -> Form[R]:
    """Return the form of a record that these rows lay out."""
    defaults = _defaults(kind)

    def encode(record: R) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for row in rows:
            value = getattr(record, row.field)
            if row.sent in (Sent.ALWAYS, Sent.REQUIRED) or (row.sent is Sent.WHEN_SET and value != defaults[row.field]):
                _place(body, row.path, row.form.encode(value))
        return body

    def decode(body: Any, at: str) -> R:
        _lowered(body, at)
        found = {}
        for row in rows:
            where = ".".join((at, *row.path) if at else row.path)
            value = find(body, *row.path, at=at)
            if value is not None:
                found[row.field] = row.form.decode(value, where)
            elif row.sent is Sent.REQUIRED or defaults[row.field] is MISSING:
                raise FaultyBodyError(Problem(where, "is missing."))
        return kind(**found)

    return Form(encode, decode)


def many(form: Form[T]) -> Form[Iterable[T]]:
    """Return the form of a list."""
    return Form(
        lambda values: [form.encode(value) for value in values],
        lambda json, at: tuple(form.decode(item, f"{at}[{index}]") for index, item in enumerate(_list(json, at))),
    )


def mapping(form: Form[T]) -> Form[Mapping[str, T]]:
    """Return the form of an object whose names are data."""
    return Form(
        lambda values: {key: form.encode(value) for key, value in values.items()},
        lambda json, at: {key: form.decode(item, join(at, key)) for key, item in _object(json, at).items()},
    )


def named(write: Callable[[T], Json], read: Callable[[Any, str], T]) -> Form[Mapping[str, T]]:
    """Return the form of a mapping that JSON holds as a list of objects with a ``name``."""

    def decode(json: Any, at: str) -> dict[str, T]:
        found: dict[str, T] = {}
        for index, item in enumerate(_list(json, at)):
            where = f"{at}[{index}]"
            name = TEXT.decode(find(item, "name", at=where), f"{where}.name")
            if name in found:
                raise FaultyBodyError(Problem(f"{where}.name", f"is {name!r}, which the list holds already."))
            found[name] = read(item, where)
        return found

    return Form(lambda values: [{"name": name, **write(value)} for name, value in values.items()], decode)


def choice(kind: type[E]) -> Form[E]:
    """Return the form of an enum, whose values are read in any case."""
    known = {member.value.lower(): member for member in kind}

    def decode(json: Any, at: str) -> E:
        member = known.get(json.lower()) if isinstance(json, str) else None
        if member is None:
            raise faulty(at, "one of " + ", ".join(member.value for member in kind))
        return member

    return Form(lambda value: kind(value).value, decode)


def _text(json: Any, at: str) -> str:
    if not isinstance(json, str):
        raise faulty(at, "a text")
    return json


def _flag(json: Any, at: str) -> bool:
    if not isinstance(json, bool):
        raise faulty(at, "true or false")
    return json


def _number(json: Any, at: str) -> float:
    try:
        number = float(json if isinstance(json, str) else _plain(json))
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not isfinite(number):
        raise faulty(at, "a number")
    return number


def _plain(json: Any) -> Any:
    return None if isinstance(json, bool) else json


def _whole(json: Any, at: str) -> int:
    number = _number(json, at)
    if number != int(number):
        raise faulty(at, "a whole number")
    return int(number)


def _list(json: Any, at: str) -> list[Any]:
    if not isinstance(json, list | tuple):
        raise faulty(at, "a list")
    return list(json)


def _object(json: Any, at: str) -> Json:
    if not isinstance(json, Mapping):
        raise faulty(at, "an object")
    return json


def _lowered(json: Any, at: str) -> dict[str, Any]:
    return {key.lower(): value for key, value in _object(json, at).items()}


def _defaults(kind: Callable[..., Record]) -> dict[str, Any]:
    return {
        field.name: field.default if field.default_factory is MISSING else field.default_factory()
        for field in fields(cast("type[DataclassInstance]", kind))
    }


def _place(body: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    *parents, name = path
    for parent in parents:
        body = body.setdefault(parent, {})
    body[name] = value


def _unsettled(value: Any) -> Any:
    match value:
        case Mapping():
            return {key: _unsettled(item) for key, item in value.items()}
        case list() | tuple():
            return [_unsettled(item) for item in value]
        case _:
            return value


TEXT: Form[str] = Form(str, _text)
FLAG: Form[bool] = Form(bool, _flag)
NUMBER: Form[float] = Form(float, _number)
WHOLE: Form[int] = Form(int, _whole)
SECRET: Form[Secret] = Form(Secret.reveal, lambda json, at: Secret(_text(json, at)))
# Any JSON object, as it is.
OBJECT: Form[Json] = Form(_unsettled, _object)
