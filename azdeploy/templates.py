"""Finds the folders of samples/ and templates/, from a checkout and from an installed wheel alike."""

from __future__ import annotations

from pathlib import Path

from azdeploy.errors import UsageError

_PACKAGE = Path(__file__).parent
# A wheel carries the two folders inside the package; a checkout has them beside it.
_ROOTS = (_PACKAGE / "_shipped", _PACKAGE.parent)


def sample(name: str) -> Path:
    """Return the absolute path of a sample's folder; UsageError names the samples there are when it is unknown."""
    return _find("samples", name)


def template(name: str) -> Path:
    """Return the absolute path of a template; UsageError names the templates there are when it is unknown."""
    return _find("templates", name)


def _find(kind: str, name: str) -> Path:
    for root in _ROOTS:
        if (root / kind / name).exists():
            return (root / kind / name).resolve()
    known = sorted({entry.name for root in _ROOTS if (root / kind).is_dir() for entry in (root / kind).iterdir()})
    raise UsageError(f"there is no {name!r} among the {kind}", hint=f"These are: {', '.join(known) or 'none'}.")
