"""Images of the docker runtime: folders are built, names are looked up in the engine and pulled where it lacks them."""

from __future__ import annotations

import re
from pathlib import Path

import docker
from docker.errors import ImageNotFound

from azdeploy.local.docker.engine import ENGINE_ERRORS, told
from azdeploy.local.image_folder import contents, digest, named_folder, require_dockerfile
from azdeploy.local.runtime import Image, ImageNotAccessibleError

_LINES_SHOWN = 8


def find_image(client: docker.DockerClient, name: str, label: str) -> Image:
    """Return an image that the engine has, after building or pulling it if it had not; ImageNotAccessibleError else."""
    folder = named_folder(name)
    try:
        reference = name if folder is None else _built(client, folder, label)
        return Image(name=name, digest=_local_id(client, reference) or _pulled(client, reference))
    except ENGINE_ERRORS as error:
        raise ImageNotAccessibleError(f"The image '{name}' cannot be had from the engine: {told(error)}.") from error


def _local_id(client: docker.DockerClient, reference: str) -> str | None:
    try:
        return str(client.images.get(reference).id)
    except ImageNotFound:
        return None


def _pulled(client: docker.DockerClient, name: str) -> str:
    try:
        return str(client.images.pull(name).id)
    except ENGINE_ERRORS as error:
        raise ImageNotAccessibleError(
            f"The image '{name}' is not on this machine and cannot be pulled: {told(error)}."
        ) from error


def _built(client: docker.DockerClient, folder: Path, label: str) -> str:
    """Build a folder unless its very contents were built before; return the image's tag."""
    require_dockerfile(folder)
    slug = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-") or "image"
    version = digest(folder, contents(folder)).removeprefix("sha256:")[:32]
    tag = f"azdeploy-local/{slug}:{version}"
    if _local_id(client, tag) is None:
        _build(client, folder, tag, label)
    return tag


def _build(client: docker.DockerClient, folder: Path, tag: str, label: str) -> None:
    lines: list[str] = []
    steps = client.api.build(path=str(folder), tag=tag, rm=True, forcerm=True, decode=True, labels={label: "image"})
    for step in steps:
        lines += str(step.get("stream", "")).splitlines()
        if "error" in step:
            last = "\n".join(line for line in lines if line.strip()).splitlines()[-_LINES_SHOWN:]
            reason = " ".join(str(step["error"]).split()).rstrip(".")
            raise ImageNotAccessibleError("\n".join([f"The image in {folder} cannot be built: {reason}.", *last]))
