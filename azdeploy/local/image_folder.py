"""Images that are folders with a Dockerfile: what both runtimes need to know about one before they use it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from docker.utils.build import exclude_paths

from azdeploy.local.runtime import ImageNotAccessibleError

DOCKERFILE = "Dockerfile"


def named_folder(name: str) -> Path | None:
    """Return the folder that an image's name stands for (an absolute path or a ``file://`` URL), else None."""
    if name.lower().startswith("file://"):
        return Path(unquote(urlsplit(name).path))
    return Path(name) if Path(name).is_absolute() else None


def require_dockerfile(folder: Path) -> None:
    """Raise ImageNotAccessibleError unless this is a folder with a Dockerfile that can be read."""
    if not folder.is_dir():
        raise ImageNotAccessibleError(f"The folder {folder}, given as an image, does not exist; check the path.")
    if not os.access(folder / DOCKERFILE, os.R_OK) or not (folder / DOCKERFILE).is_file():
        raise ImageNotAccessibleError(f"The folder {folder}, given as an image, has no readable {DOCKERFILE}; add one.")


def contents(folder: Path) -> tuple[str, ...]:
    """Return the sorted relative paths, with forward slashes, of all that an image may copy.

    What .dockerignore excludes is not among them: https://docs.docker.com/build/concepts/context/#dockerignore-files
    """
    ignore = folder / ".dockerignore"
    try:
        lines = ignore.read_text(encoding="utf-8").splitlines() if ignore.is_file() else []
        patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        return tuple(sorted(path.replace(os.sep, "/") for path in exclude_paths(str(folder), patterns)))
    except (OSError, ValueError) as error:
        raise ImageNotAccessibleError(f"The folder {folder}, given as an image, cannot be read: {error}.") from error


def digest(folder: Path, paths: Iterable[str]) -> str:
    """Return ``sha256:`` and the digest of these files: their names, modes and contents, whatever their order."""
    whole = hashlib.sha256()
    try:
        for path in sorted({DOCKERFILE, *paths}):
            whole.update(os.fsencode(f"{path}\0{_kind(folder / path)}\0"))
            whole.update(_content(folder / path))
    except OSError as error:
        raise ImageNotAccessibleError(f"The folder {folder}, given as an image, cannot be read: {error}.") from error
    return f"sha256:{whole.hexdigest()}"


def _kind(path: Path) -> str:
    if path.is_symlink():
        return "link"
    if path.is_dir():
        return "folder"
    # Of the mode only what an image's behaviour depends on: a checkout's umask is no difference.
    return "program" if os.access(path, os.X_OK) else "file"


def _content(path: Path) -> bytes:
    if path.is_symlink():
        return os.fsencode(path.readlink())
    if path.exists() and not path.is_file():
        return b""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
