"""Dockerfiles as the process runtime reads them: what to copy where, and which command to run in which environment.

The machine stands in for the base image, so all that would need a real one is refused in a sentence.
Reference: https://docs.docker.com/reference/dockerfile/
"""

from __future__ import annotations

import json
import posixpath
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from dockerfile_parse import DockerfileParser
from dockerfile_parse.util import WordSplitter, extract_key_values

from azdeploy.local.image_folder import DOCKERFILE, contents, require_dockerfile
from azdeploy.local.runtime import ImageNotAccessibleError

_WAY_OUT = "use --runtime docker"
# ${NAME:-text} and ${NAME:+text}, which the library does not know.
_MODIFIED = re.compile(r"\$\{(?P<name>\w+):(?P<kind>[-+])(?P<text>[^}]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """One file, link or folder of the image: ``source`` relative to the folder, ``target`` absolute in the image."""

    source: str
    target: str
    mode: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a Dockerfile says, as far as a process needs it; ``folders`` are to exist before anything is copied."""

    environment: Mapping[str, str]
    folders: Sequence[str]
    copied: Sequence[Copied]
    working_directory: str
    entrypoint: Sequence[str]
    command: Sequence[str]
    stop_signal: signal.Signals


def read_recipe(folder: Path, environment: Mapping[str, str]) -> Recipe:
    """Read the Dockerfile of a folder; ``environment`` is what its variables may refer to beside their own.

    Raises ImageNotAccessibleError for what a process cannot stand in for; the message names the way out.
    """
    require_dockerfile(folder)
    reader = _Reader(folder, contents(folder), dict(environment))
    for step in _steps(folder / DOCKERFILE):
        reader.read(step["instruction"], step["value"], step["startline"] + 1)
    return reader.recipe()


def _steps(dockerfile: Path) -> Sequence[Mapping[str, Any]]:
    try:
        content = dockerfile.read_bytes()
        content.decode()
        return list(DockerfileParser(fileobj=BytesIO(content), env_replace=False).structure)
    except (OSError, ValueError) as error:
        raise ImageNotAccessibleError(f"{dockerfile} cannot be read as a Dockerfile in UTF-8: {error}.") from error


@dataclass(slots=True)
class _Reader:
    folder: Path
    paths: Sequence[str]
    base: dict[str, str]
    line: int = 0
    stages: int = 0
    arguments: dict[str, str] = field(default_factory=dict)
    global_arguments: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    copied: list[Copied] = field(default_factory=list)
    ways_out: set[str] = field(default_factory=set)
    working_directory: str = "/"
    shell: Sequence[str] = ("/bin/sh", "-c")
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    stop_signal: signal.Signals = signal.SIGTERM

    def read(self, instruction: str, value: str, line: int) -> None:
        self.line = line
        known = _INSTRUCTIONS.get(instruction)
        if known is None:
            raise self.refusal(f"the instruction {instruction} is not known here")
        try:
            known(self, value)
        except (ValueError, LookupError) as error:
            raise self.refusal(f"'{value}' cannot be read") from error

    def recipe(self) -> Recipe:
        if not self.stages:
            raise ImageNotAccessibleError(f"{self.folder / DOCKERFILE} has no FROM, so it describes no image; add one.")
        return Recipe(
            environment=self.environment,
            folders=tuple(self.folders),
            copied=tuple(self.copied),
            working_directory=self.working_directory,
            entrypoint=tuple(self.entrypoint),
            command=tuple(self.command),
            stop_signal=self.stop_signal,
        )

    def refusal(self, what: str) -> ImageNotAccessibleError:
        where = f"{self.folder / DOCKERFILE}, line {self.line}"
        return ImageNotAccessibleError(f"{where}: {what} in the process runtime; {_WAY_OUT}.")

    def modified(self, value: str) -> str:
        known = {**self.arguments, **self.variables()}

        def chosen(found: re.Match[str]) -> str:
            present = known.get(found["name"], "")
            return (present or found["text"]) if found["kind"] == "-" else (found["text"] if present else "")

        return _MODIFIED.sub(chosen, value)

    def words(self, value: str) -> list[str]:
        return list(WordSplitter(self.modified(value), args=self.arguments, envs=self.variables()).split())

    def expanded(self, value: str) -> str:
        return str(WordSplitter(self.modified(value), args=self.arguments, envs=self.variables()).dequote())

    def variables(self) -> dict[str, str]:
        return {**self.base, **self.environment}

    def pairs(self, value: str) -> list[tuple[str, str]]:
        try:
            return list(extract_key_values(True, self.arguments, self.variables(), self.modified(value)))
        except (ValueError, IndexError) as error:
            raise self.refusal(f"'{value}' cannot be read as name=value") from error

    def from_(self, _value: str) -> None:
        self.stages += 1
        if self.stages > 1:
            raise self.refusal("a build of several stages cannot be honoured")
        self.global_arguments, self.arguments = self.arguments, {}

    def arg(self, value: str) -> None:
        name, given, default = value.partition("=")
        self.arguments[name] = self.expanded(default) if given else self.global_arguments.get(name, "")

    def env(self, value: str) -> None:
        self.environment.update(self.pairs(value))

    def workdir(self, value: str) -> None:
        self.working_directory = posixpath.normpath(posixpath.join(self.working_directory, *self.words(value)))
        self.folders.append(self.working_directory)

    def volume(self, value: str) -> None:
        self.folders.extend(posixpath.join("/", path) for path in _array(value) or self.words(value))

    def copy(self, value: str) -> None:
        mode, places = self.split_flags(value)
        *sources, target = places
        into = target.endswith(("/", "/.")) or target == "." or len(sources) > 1
        target = posixpath.normpath(posixpath.join(self.working_directory, target))
        into = into or target in {"/", *self.folders}
        for source in sources:
            for copied in self.copies(source, target, into=into, mode=mode):
                self.require_no_way_out(copied)
                self.copied.append(copied)

    def require_no_way_out(self, copied: Copied) -> None:
        """Refuse to copy through a link that was copied before and leads out of the image: to the user's own files."""
        path = PurePosixPath(copied.target)
        for link in self.ways_out.intersection(map(str, path.parents)):
            raise self.refusal(f"copying to '{copied.target}' through the link '{link}' cannot be honoured")
        source = self.folder / copied.source
        if source.is_symlink() and _leads_out(copied.target, str(source.readlink())):
            self.ways_out.add(copied.target)

    def split_flags(self, value: str) -> tuple[int | None, Sequence[str]]:
        mode, rest = None, value
        while rest.startswith("--"):
            flag, _, rest = rest.partition(" ")
            rest = rest.lstrip()
            name, _, given = flag.partition("=")
            if name == "--chmod" and re.fullmatch(r"[0-7]{3,4}", given):
                mode = int(given, 8)
            elif name not in {"--chown", "--link"}:
                # --chown and --link change nothing for a process that runs as the user who started it.
                raise self.refusal(f"{flag} cannot be honoured")
        return mode, self.places(rest)

    def places(self, value: str) -> Sequence[str]:
        array = _array(value)
        places = self.words(value) if array is None else [self.expanded(text) for text in array]
        if len(places) < 2 or any(place.startswith("<<") for place in places):  # noqa: PLR2004 (a source and a target)
            raise self.refusal(f"copying '{value}' cannot be honoured")
        return places

    def add(self, value: str) -> None:
        if re.search(r"(^|\s|\")([a-z+]+://|git@)", value):
            raise self.refusal("ADD of a URL cannot be honoured")
        if re.search(r"\.(tar|tgz|tbz2?|txz|tar\.\w+)[\s\"]", value):
            raise self.refusal("ADD of an archive, which would be unpacked, cannot be honoured")
        self.copy(value)

    def copies(self, source: str, target: str, *, into: bool, mode: int | None) -> Sequence[Copied]:
        pattern = posixpath.normpath(source).lstrip("/")
        if pattern.split("/")[0] == "..":
            raise self.refusal(f"'{source}' is outside of the image's folder and cannot be copied")
        parts = [] if pattern == "." else pattern.split("/")
        found = [
            Copied(source=path, target=_placed(path, len(parts), target, into=into, folder=self.folder), mode=mode)
            for path in self.paths
            if _matches(path.split("/"), parts)
        ]
        if not found:
            raise ImageNotAccessibleError(
                f"{self.folder / DOCKERFILE}, line {self.line}: there is no '{source}' to copy in {self.folder}; "
                "check the path and .dockerignore."
            )
        return found

    def set_entrypoint(self, value: str) -> None:
        self.entrypoint = self.invocation(value)

    def set_command(self, value: str) -> None:
        self.command = self.invocation(value)

    def invocation(self, value: str) -> Sequence[str]:
        array = _array(value)
        return array if array is not None else (*self.shell, value)

    def set_shell(self, value: str) -> None:
        self.shell = _array(value) or self.shell

    def set_stop_signal(self, value: str) -> None:
        name = self.expanded(value)
        try:
            if name.isdigit():
                self.stop_signal = signal.Signals(int(name))
            else:
                self.stop_signal = signal.Signals[f"SIG{name.upper().removeprefix('SIG')}"]
        except (ValueError, KeyError) as error:
            raise self.refusal(f"the signal '{name}' is not known") from error

    def run(self, _value: str) -> None:
        raise self.refusal("RUN cannot be honoured")

    def ignore(self, value: str) -> None:
        """Skip what makes no difference to a process that runs as the user who started it."""


_INSTRUCTIONS: Mapping[str, Callable[[_Reader, str], None]] = {
    "ADD": _Reader.add,
    "ARG": _Reader.arg,
    "CMD": _Reader.set_command,
    "COMMENT": _Reader.ignore,
    "COPY": _Reader.copy,
    "ENTRYPOINT": _Reader.set_entrypoint,
    "ENV": _Reader.env,
    "EXPOSE": _Reader.ignore,  # ports of a group are not mapped, and a process has all of them
    "FROM": _Reader.from_,
    "HEALTHCHECK": _Reader.ignore,  # Azure ignores it too: its probes are in the group
    "LABEL": _Reader.ignore,
    "MAINTAINER": _Reader.ignore,
    "ONBUILD": _Reader.ignore,  # only for images that are built from this one
    "RUN": _Reader.run,
    "SHELL": _Reader.set_shell,
    "STOPSIGNAL": _Reader.set_stop_signal,
    "USER": _Reader.ignore,  # changing it would need root; the process has no more rights than who started it
    "VOLUME": _Reader.volume,
    "WORKDIR": _Reader.workdir,
}


def _array(value: str) -> Sequence[str] | None:
    """Return the texts of the exec form; None for what Docker takes for the shell form."""
    try:
        array = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if isinstance(array, list) and all(isinstance(item, str) for item in array):
        return tuple(array)
    return None


def _leads_out(target: str, link: str) -> bool:
    """Tell whether a link leads out of the image when it stands at a path of that; an absolute one always does here."""
    inside = posixpath.normpath(posixpath.join(posixpath.dirname(target).lstrip("/"), link))
    return link.startswith("/") or inside.split("/")[0] == ".."


def _matches(path: Sequence[str], pattern: Sequence[str]) -> bool:
    pairs = zip(path, pattern, strict=False)
    return len(path) >= len(pattern) and all(re.fullmatch(_expression(wanted), part) for part, wanted in pairs)


def _expression(wanted: str) -> str:
    """Translate Go's filepath.Match, which Docker uses; none of its signs crosses a slash."""
    signs = {"*": ".*", "?": "."}
    return "".join(signs.get(sign, re.escape(sign)) for sign in wanted)


def _placed(path: str, depth: int, target: str, *, into: bool, folder: Path) -> str:
    """Tell where a copied path belongs: of a folder the contents are copied, a file goes into or becomes the target."""
    parts = path.split("/")
    source = folder.joinpath(*parts[:depth])
    if source.is_dir() and not (source.is_symlink() and depth == len(parts)):
        return posixpath.join(target, *parts[depth:])
    return posixpath.join(target, parts[-1]) if into else target
