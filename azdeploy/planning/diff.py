"""What differs between two definitions of a type, property by property, in the definition's own words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass, replace

from azdeploy.definitions.container_group import (
    Container,
    Extension,
    ImageRegistryCredential,
    InitContainer,
    Port,
    SubnetId,
    Volume,
    VolumeMount,
)
from azdeploy.definitions.record import Record, values
from azdeploy.definitions.secret import Secret
from azdeploy.definitions.stack import Definition
from azdeploy.planning.plan import PropertyChange
from azdeploy.planning.rules import Rules, rules

_MASK = Secret("***")


def diff(before: Definition, after: Definition) -> tuple[PropertyChange, ...]:
    """Return the properties that differ, in the order of the type's fields; secrets are never compared by value.

    Items are matched by what names them, wherever they stand: containers by name, ports by number and protocol,
    credentials by server, subnets by id, mappings by key. What the target withholds, or decides itself where ``after``
    says nothing, does not differ.
    """
    known = rules(after)
    return tuple(
        PropertyChange(change.path, _masked(change.before), _masked(change.after))
        for change in _differences("", before, after)
        if not _excused(change, known)
    )


def _excused(change: PropertyChange, known: Rules) -> bool:
    if change.after is None and change.path in known.decided:
        return True
    return change.path in known.withheld and not change.before


def _differences(path: str, before: object, after: object) -> Iterator[PropertyChange]:
    match before, after:
        case Record(), Record():
            olds = values(before)
            for name, item in values(after).items():
                yield from _differences(f"{path}.{name}" if path else name, olds[name], item)
        case Mapping(), Mapping():
            yield from _item_differences(path, before, after)
        case tuple(), tuple() if _named(before) and _named(after):
            yield from _item_differences(path, _by_name(before), _by_name(after))
        case _ if not _same(before, after):
            yield PropertyChange(path, *_hidden(before, after))
        case _:
            return


def _item_differences(path: str, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[PropertyChange]:
    olds = {_folded(name): item for name, item in before.items()}
    for name, item in after.items():
        yield from _differences(f"{path}[{name}]", olds.get(_folded(name)), item)
    news = {_folded(name) for name in after}
    for name, item in before.items():
        if _folded(name) not in news:
            yield PropertyChange(f"{path}[{name}]", item, None)


def _same(before: object, after: object) -> bool:
    match before, after:
        case Secret(), Secret():
            return True
        case str(), str():
            return _folded(before) == _folded(after)
        case _:
            return before == after


def _folded(text: str) -> str:
    """Return the text as it is compared: Azure returns resource ids in whatever case it likes."""
    return text.casefold() if text.casefold().startswith("/subscriptions/") else text


def _hidden(before: object, after: object) -> tuple[object, object]:
    """Hide the value that a property had in clear when it is a secret from now on: it is likely to be the same."""
    return (_MASK, after) if isinstance(after, Secret) and isinstance(before, str) else (before, after)


def _named(items: tuple[object, ...]) -> bool:
    return all(_name(item) is not None for item in items)


def _by_name(items: tuple[object, ...]) -> dict[str, object]:
    """Return the items by name; a name that comes again gets a number, for nothing may be lost."""
    found: dict[str, object] = {}
    for item in items:
        name = str(_name(item))
        while name in found:
            name += "'"
        found[name] = item
    return found


def _name(item: object) -> str | None:
    match item:
        case Port():
            return f"{item.port}/{item.protocol}"
        case Container() | InitContainer() | Volume() | VolumeMount() | Extension():
            return item.name
        case ImageRegistryCredential():
            return str(item.server)
        case SubnetId():
            return item.id
        case str() if item.casefold().startswith("/subscriptions/"):
            return item
        case _:
            return None


def _masked(value: object) -> object:
    """Return the value with a mask in the place of each secret, so that no way of showing it can show one."""
    match value:
        case Secret():
            return _MASK
        case Mapping():
            return {key: _masked(item) for key, item in value.items()}
        case tuple():
            return tuple(_masked(item) for item in value)
        case Record() if is_dataclass(value):
            return replace(value, **{name: _masked(item) for name, item in values(value).items()})
        case _:
            return value


def secrets(value: object) -> dict[str, str]:
    """Return the secrets in a definition in clear, by their paths: what a digest is made of."""
    return dict(_secrets("", value))


def _secrets(path: str, value: object) -> Iterator[tuple[str, str]]:
    match value:
        case Secret():
            yield path, value.reveal()
        case Mapping():
            yield from _item_secrets(path, value.items())
        case tuple():
            yield from _item_secrets(path, ((_name(item) or str(at), item) for at, item in enumerate(value)))
        case Record():
            for name, item in values(value).items():
                yield from _secrets(f"{path}.{name}" if path else name, item)
        case _:
            return


def _item_secrets(path: str, items: Iterable[tuple[str, object]]) -> Iterator[tuple[str, str]]:
    for name, item in items:
        yield from _secrets(f"{path}[{name}]", item)
