"""What every definition is made of: a frozen dataclass that keeps its values immutable and can be walked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar, cast

from azdeploy.definitions.output import Output
from azdeploy.definitions.secret import Secret

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

R = TypeVar("R", bound="Record")


class Record:
    """The parent of every definition: lists become tuples, mappings are copied, references become their text."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for name, value in values(self).items():
            object.__setattr__(self, name, _settled(value))

    def __str__(self) -> str:
        told = {name: value for name, value in values(self).items() if value not in (None, (), {}, False)}
        return ", ".join(f"{name}={value}" for name, value in told.items())


def values(record: Record) -> dict[str, Any]:
    """Return the fields of a record and what is in them, in the order of their definition."""
    return {field.name: getattr(record, field.name) for field in fields(cast("DataclassInstance", record))}


def location_name(text: str) -> str:
    """Return the name of a location as ARM writes it: ``westus`` for its display name ``West US``."""
    return text.replace(" ", "").lower()


def texts(value: object) -> Iterator[str]:
    """Yield every text in a definition, secret ones included, in the order of its fields."""
    return (text for _, text in located(value))


def located(value: object, at: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in a definition with its path, such as ``.containers[web].image``."""
    match value:
        case Secret():
            yield at, value.reveal()
        case str() if not isinstance(value, Enum):
            yield at, value
        case _:
            for step, item in _parts(value):
                yield from located(item, at + step)


def with_texts(record: R, change: Callable[[str], str]) -> R:
    """Return the record with every text in it replaced by what ``change`` makes of it."""
    return cast("R", _with_texts(record, change))


def _settled(value: object) -> object:
    match value:
        case Output():
            return str(value)
        case Mapping():
            return {key: _settled(item) for key, item in value.items()}
        case list() | tuple():
            return tuple(_settled(item) for item in value)
        case _:
            return value


def _parts(value: object) -> Iterator[tuple[str, object]]:
    match value:
        case Mapping():
            yield from ((f"[{key}]", item) for key, item in value.items())
        case tuple():
            yield from ((f"[{_name(item) or index}]", item) for index, item in enumerate(value))
        case Record():
            yield from ((f".{name}", item) for name, item in values(value).items())


def _name(item: object) -> str:
    return str(values(item).get("name") or "") if isinstance(item, Record) else ""


def _with_texts(value: Any, change: Callable[[str], str]) -> Any:
    match value:
        case Secret():
            return Secret(change(value.reveal()))
        case str() if not isinstance(value, Enum):
            return change(value)
        case _:
            return _with_parts(value, lambda part: _with_texts(part, change))


def _with_parts(value: Any, change: Callable[[Any], Any]) -> Any:
    match value:
        case Mapping():
            return {key: change(item) for key, item in value.items()}
        case tuple():
            return tuple(change(item) for item in value)
        case Record():
            return replace(
                cast("DataclassInstance", value), **{name: change(item) for name, item in values(value).items()}
            )
        case _:
            return value
