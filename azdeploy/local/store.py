"""The resources on disk: they survive the endpoint, and nobody can read them without the key beside them.

Whole request bodies are kept, secure values included, because containers need these again after the endpoint's restart;
hence everything is encrypted.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from azdeploy.errors import LocalError
from azdeploy.local.home import using, write_private
from azdeploy.local.wire import Json


class Store:
    """Documents by kind and key, encrypted; safe to use from several threads."""

    def __init__(self, path: Path, key_file: Path) -> None:
        self._cipher = Fernet(_key(key_file))
        self._lock = threading.Lock()
        with using(path.parent):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._rows = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._rows.execute(
            "CREATE TABLE IF NOT EXISTS documents (kind TEXT, key TEXT, content BLOB, PRIMARY KEY (kind, key))"
        )

    def all(self, kind: str) -> Mapping[str, Json]:
        """Return the documents of one kind by their keys, in the order of the keys."""
        with self._lock:
            rows = self._rows.execute("SELECT key, content FROM documents WHERE kind = ? ORDER BY key", (kind,))
            found = rows.fetchall()
        return {key: self._read(content) for key, content in found}

    def save(self, kind: str, key: str, document: Json) -> None:
        """Keep a document, in place of what was there."""
        content = self._cipher.encrypt(json.dumps(document).encode())
        with self._lock:
            self._rows.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (kind, key, content))

    def remove(self, kind: str, key: str) -> None:
        """Forget a document; one that is not there is no error."""
        with self._lock:
            self._rows.execute("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key))

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._rows.close()

    def _read(self, content: bytes) -> Json:
        try:
            document: Json = json.loads(self._cipher.decrypt(content))
        except (InvalidToken, ValueError) as error:
            raise LocalError(
                "The resources of Azure on this machine cannot be read with the key beside them.",
                hint="`azdeploy local reset` starts afresh.",
            ) from error
        return document


def _key(path: Path) -> bytes:
    if not path.exists():
        write_private(path, Fernet.generate_key())
    return path.read_bytes()
