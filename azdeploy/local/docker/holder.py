"""The container that holds a group's network and volumes while its containers come and go.

The containers of a group join its network namespace, so the group's address stays when any of them restarts. No
registry is asked for its image: it is a program of a few bytes that waits for ever, put together here.
"""

from __future__ import annotations

import io
import struct
import tarfile
from dataclasses import dataclass

import docker
from docker.errors import ImageNotFound

from azdeploy.errors import LocalError

REPOSITORY = "azdeploy-local/holder"
TAG = "1"
_BASE = 0x400000
_FILE_HEADER, _PROGRAM_HEADER = 64, 56


@dataclass(frozen=True, slots=True, kw_only=True)
class _Machine:
    number: int  # e_machine of the System V ABI
    code: bytes


# pause(), again and again; where Linux has no such call it is ppoll() of nothing, without a limit.
_X86_64 = _Machine(number=62, code=bytes.fromhex("b822000000 0f05 ebf7"))
_ARM_64 = _Machine(
    number=183,
    code=struct.pack(
        "<7I", 0xD2800000, 0xD2800001, 0xD2800002, 0xD2800003, 0xD2800000 | 73 << 5 | 8, 0xD4000001, 0x17FFFFFA
    ),
)
_MACHINES = {"x86_64": _X86_64, "amd64": _X86_64, "aarch64": _ARM_64, "arm64": _ARM_64}


def holder_image(client: docker.DockerClient, architecture: str, label: str, tag: str = TAG) -> str:
    """Return the name of the holder's image, after making it where the engine does not have it."""
    name = f"{REPOSITORY}:{tag}"
    try:
        client.images.get(name)
    except ImageNotFound:
        changes = ['CMD ["/holder"]', f"LABEL {label}=holder"]
        client.api.import_image_from_data(_archive(elf_program(architecture)), REPOSITORY, tag, changes=changes)
    return name


def elf_program(architecture: str) -> bytes:
    """Return an ELF executable of one segment: its headers and the code behind them."""
    machine = _MACHINES.get(architecture)
    if machine is None:
        raise LocalError(
            f"The docker runtime has no holder for engines on {architecture}.", hint="Use --runtime process."
        )
    start = _FILE_HEADER + _PROGRAM_HEADER
    size = start + len(machine.code)
    identity = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    sizes = (_FILE_HEADER, _PROGRAM_HEADER, 1, 0, 0, 0)
    file_header = identity + struct.pack(
        "<HHIQQQIHHHHHH", 2, machine.number, 1, _BASE + start, _FILE_HEADER, 0, 0, *sizes
    )
    readable_and_executable, load = 5, 1
    program_header = struct.pack("<IIQQQQQQ", load, readable_and_executable, 0, _BASE, _BASE, size, size, 0x10000)
    return file_header + program_header + machine.code


def _archive(program: bytes) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        entry = tarfile.TarInfo("holder")
        entry.size, entry.mode = len(program), 0o755
        archive.addfile(entry, io.BytesIO(program))
    return whole.getvalue()
