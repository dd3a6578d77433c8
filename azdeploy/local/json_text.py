"""JSON as the endpoint takes and gives it: what would not survive being answered again does not get in."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from azdeploy.local.wire import Json, bad_content

_DEEPEST = 64  # levels; the .NET library that reads ARM's bodies goes no deeper by default
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def parse(content: bytes) -> Json | None:
    """Return the JSON object of a request, None where there is none; Refusal 400 for all that is not one."""
    if not content.strip():
        return None
    try:
        body = json.loads(content.decode("utf-8-sig"), parse_constant=_no_number)
        _check(body)
    except RecursionError:
        raise _wrong("it is nested too deeply") from None
    except ValueError as error:
        raise _wrong(f"'{error}'") from error
    if not isinstance(body, dict):
        raise _wrong("it should be a JSON object")
    return body


def encode(body: Any) -> bytes:
    """Return a body as bytes, whatever texts are in it: half a character is written as an escape."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode(errors="backslashreplace")


def _wrong(why: str) -> Exception:
    return bad_content(f"The request content was invalid and could not be deserialized: {why}.")


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _check(body: Any) -> None:
    """Raise ValueError for what JSON can hold and nothing here: half characters, endless numbers and depths."""
    level = [body]
    for _ in range(_DEEPEST):
        if not level:
            return
        level = [inner for value in level for inner in _inside(value)]
    if level:
        raise ValueError(f"it is nested more than {_DEEPEST} levels deep")


def _inside(value: Any) -> list[Any]:
    match value:
        case dict():
            return [*value, *value.values()]
        case list():
            return value
        case str() if _HALF_CHARACTER.search(value):
            raise ValueError("a text holds half of a character of two (a lone surrogate)")
        case float() if not math.isfinite(value):
            raise ValueError("a number is too large")
        case _:
            return []
