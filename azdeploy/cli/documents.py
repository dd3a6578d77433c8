"""How results are written to stdout: as one document for programs, or in columns for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import assert_never

from azdeploy.cli.targets import Format


def document(value: object, output: Format) -> str:
    """Return a value as one JSON or YAML document."""
    match output:
        case Format.JSON | Format.TEXT:
            return json.dumps(value, indent=2, ensure_ascii=False)
        case Format.YAML:
            return _yaml(value)
        case _:
            assert_never(output)


def _yaml(value: object) -> str:
    from io import StringIO

    from ruamel.yaml import YAML

    text = StringIO()
    writer = YAML(typ="safe")
    writer.default_flow_style = False
    writer.dump(value, text)
    return text.getvalue().rstrip("\n")


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows in aligned columns under their headings."""
    widths = [max(len(row[column]) for row in [headings, *rows]) for column in range(len(headings))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [headings, *rows]
    )
