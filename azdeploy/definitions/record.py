"""What every definition is made of: a frozen dataclass that keeps its values immutable and can be walked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar, cast

from azdeploy.definitions.secret import Secret

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

R = TypeVar("R", bound="Record")


class Record:
    """The parent of every definition: lists become tuples, mappings are copied, references become their text."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for field in fields(cast("DataclassInstance", self)):
            object.__setattr__(self, field.name, _settled(getattr(self, field.name)))


def _settled(value: object) -> object:
    match value:
        case str() | bytes() | Enum():
            return value
        case Mapping():
            return {key: _settled(item) for key, item in value.items()}
        case list() | tuple():
            return tuple(_settled(item) for item in value)
        case _ if getattr(value, "is_reference", False):
            return str(value)
        case _:
            return value


def texts(value: object) -> Iterator[str]:
    """Yield every text in a definition, secret ones included, in the order of its fields."""
    match value:
        case Enum():
            return
        case str():
            yield value
        case Secret():
            yield value.reveal()
        case Mapping():
            for item in value.values():
                yield from texts(item)
        case tuple():
            for item in value:
                yield from texts(item)
        case Record():
            for field in fields(cast("DataclassInstance", value)):
                yield from texts(getattr(value, field.name))


def with_texts(record: R, change: Callable[[str], str]) -> R:
    """Return the record with every text in it replaced by what ``change`` makes of it."""
    return cast("R", _with_texts(record, change))


def _with_texts(value: Any, change: Callable[[str], str]) -> Any:
    match value:
        case Enum():
            return value
        case str():
            return change(value)
        case Secret():
            return Secret(change(value.reveal()))
        case Mapping():
            return {key: _with_texts(item, change) for key, item in value.items()}
        case tuple():
            return tuple(_with_texts(item, change) for item in value)
        case Record() if is_dataclass(value):
            return replace(value, **{f.name: _with_texts(getattr(value, f.name), change) for f in fields(value)})
        case _:
            return value
