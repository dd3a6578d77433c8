"""The volumes of a group as volumes of the engine: made with the group, filled through its holder, gone with it."""

from __future__ import annotations

import base64
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import docker
from docker.types import Mount

from azdeploy.definitions.container_group import ContainerGroup, GitRepo, Volume, VolumeMount
from azdeploy.definitions.secret import Secret
from azdeploy.errors import LocalError
from azdeploy.local.runtime import ContainerNotStartedError

_IN_HOLDER = "/volumes"
_GIT_SECONDS = 120


def volume_refusals(volumes: Sequence[Volume]) -> Sequence[str]:
    """Say which volumes cannot be had on this machine."""
    reasons = []
    for volume in volumes:
        if volume.azure_file:
            reasons.append(
                f"The volume '{volume.name}' is an Azure Files share, which this machine does not mount; use emptyDir, "
                "or deploy to Azure."
            )
        if volume.git_repo and shutil.which("git") is None:
            reasons.append(f"The volume '{volume.name}' is a clone, and this machine has no git; install it.")
    return reasons


class Volumes:
    """The volumes of one group; ``prefix`` makes their names unique at the engine."""

    def __init__(self, api: docker.APIClient, group: ContainerGroup, prefix: str, labels: Mapping[str, str]) -> None:
        self._api = api
        self._volumes = {volume.name: volume for volume in group.volumes}
        self._names = {name: f"{prefix}-{name}" for name in self._volumes}
        self._labels = dict(labels)

    def create(self) -> None:
        """Make them, still empty. Those with secrets are in memory only."""
        for name, volume in self._volumes.items():
            memory = {"type": "tmpfs", "device": "tmpfs", "o": "mode=0755"} if volume.secret is not None else {}
            self._api.create_volume(self._names[name], driver="local", driver_opts=memory, labels=self._labels)

    def in_holder(self) -> list[Mount]:
        """Return how the group's holder mounts them, which keeps those in memory alive."""
        return [
            Mount(target=f"{_IN_HOLDER}/{name}", source=source, type="volume", no_copy=True)
            for name, source in self._names.items()
        ]

    def mounts(self, wanted: Sequence[VolumeMount]) -> list[Mount]:
        """Return how a container mounts what it asks for."""
        for mount in wanted:
            if mount.name not in self._names:
                raise ContainerNotStartedError(f"The group has no volume '{mount.name}' to mount; define it.")
        return [
            Mount(
                target=mount.mount_path,
                source=self._names[mount.name],
                type="volume",
                read_only=mount.read_only,
                no_copy=True,
            )
            for mount in wanted
        ]

    def fill(self, holder: str) -> None:
        """Put into them what the group says, through the holder, which must be running."""
        for volume in self._volumes.values():
            self._api.put_archive(holder, _IN_HOLDER, _contents(volume))


def _contents(volume: Volume) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        top = tarfile.TarInfo(volume.name)
        # As in Kubernetes, whoever the container runs as may write into an empty folder.
        top.type, top.mode = tarfile.DIRTYPE, 0o777 if volume.empty_dir else 0o755
        archive.addfile(top)
        if volume.secret is not None:
            _add_secrets(archive, volume.name, volume.secret)
        if volume.git_repo is not None:
            _add_clone(archive, volume.name, volume.git_repo)
    return whole.getvalue()


def _add_secrets(archive: tarfile.TarFile, volume: str, files: Mapping[str, Secret]) -> None:
    for name, content in sorted(files.items()):
        try:
            data = base64.b64decode(content.reveal(), validate=True)
        except ValueError as error:
            raise LocalError(f"The file '{name}' of the volume '{volume}' is not base64; encode it.") from error
        entry = tarfile.TarInfo(f"{volume}/{name}")
        entry.size, entry.mode = len(data), 0o644
        archive.addfile(entry, io.BytesIO(data))


def _add_clone(archive: tarfile.TarFile, volume: str, repository: GitRepo) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        into = Path(temporary) / "clone"
        _git("clone", "--quiet", "--", repository.repository, str(into), volume=volume)
        if repository.revision:
            _git("-C", str(into), "checkout", "--quiet", repository.revision, volume=volume)
        # As Azure does it: a dot clones into the volume itself, nothing into a folder named as the repository.
        name = repository.directory or Path(repository.repository.rstrip("/")).name.removesuffix(".git")
        archive.add(into, arcname=f"{volume}/{name}")


def _git(*arguments: str, volume: str) -> None:
    git = shutil.which("git") or "git"
    # It must not ask anybody for a password.
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    try:
        subprocess.run(  # noqa: S603 (an argument vector; the repository stands behind --)
            [git, *arguments], env=environment, check=True, capture_output=True, text=True, timeout=_GIT_SECONDS
        )
    except subprocess.CalledProcessError as error:
        raise LocalError(f"The volume '{volume}' cannot be cloned: {error.stderr.strip()}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LocalError(f"The volume '{volume}' cannot be cloned: {error}") from error
