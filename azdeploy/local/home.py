"""Where Azure on this machine keeps its state: one folder, which nobody but the user may read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from azdeploy.errors import LocalError

HOME_VARIABLE = "AZDEPLOY_LOCAL_HOME"
_FOLDER_MODE = 0o700
_FILE_MODE = 0o600

# What the extra ``local`` brings, by the names that are imported.
_EXTRA = (
    "cryptography",
    "docker",
    "dockerfile_parse",
    "filelock",
    "jwt",
    "platformdirs",
    "starlette",
    "trustme",
    "uvicorn",
    "websockets",
)


@dataclass(frozen=True, slots=True)
class Home:
    """The folder and the names of the files in it."""

    path: Path

    @property
    def state(self) -> Path:
        """What a client needs to know of the running endpoint; there only while it runs."""
        return self.path / "endpoint.json"

    @property
    def last_port(self) -> Path:
        """The port of the endpoint's last run, so that clients' settings stay valid."""
        return self.path / "port"

    @property
    def identity(self) -> Path:
        """The ids of tenant, subscription and client."""
        return self.path / "identity.json"

    @property
    def secret(self) -> Path:
        """The client secret that SDKs and az sign in with."""
        return self.path / "client-secret"

    @property
    def signing_key(self) -> Path:
        """The key that tokens are signed with."""
        return self.path / "signing-key"

    @property
    def store_key(self) -> Path:
        """The key that resources are encrypted with."""
        return self.path / "store-key"

    @property
    def resources(self) -> Path:
        """The resources, encrypted."""
        return self.path / "resources.sqlite"

    @property
    def ca(self) -> Path:
        """The certificate of our own authority, which clients are told to trust."""
        return self.path / "ca.pem"

    @property
    def certificate(self) -> Path:
        """The endpoint's key and certificate."""
        return self.path / "server.pem"

    @property
    def log(self) -> Path:
        """What the endpoint tells about itself."""
        return self.path / "endpoint.log"

    @property
    def start_lock(self) -> Path:
        """Held by whoever is starting or stopping the endpoint."""
        return self.path / "start.lock"

    @property
    def run_lock(self) -> Path:
        """Held by the endpoint as long as it runs."""
        return self.path / "run.lock"

    @property
    def runtime(self) -> Path:
        """The runtime's own folder."""
        return self.path / "runtime"

    def files(self) -> tuple[Path, ...]:
        """Return every file that the endpoint makes, so that a reset removes these and nothing else."""
        ours = (self.state, self.last_port, self.identity, self.secret, self.signing_key, self.store_key)
        return (*ours, self.resources, self.ca, self.certificate, self.log, self.start_lock, self.run_lock)


def require_extra() -> None:
    """Raise LocalError where packages of the extra ``local`` are missing."""
    if missing := [name for name in _EXTRA if find_spec(name) is None]:
        raise LocalError(
            f"Azure on this machine needs packages that are not installed ({', '.join(missing)}).",
            hint="Install them with: pip install 'azdeploy[local]'",
        )


def home() -> Home:
    """Return the state folder of this user: AZDEPLOY_LOCAL_HOME, or where the platform keeps such things.

    LocalError where the extra ``local`` is needed to know that and is not installed.
    """
    if named := os.environ.get(HOME_VARIABLE):
        return Home(Path(named).absolute())
    require_extra()
    from platformdirs import user_state_path

    return Home(user_state_path("azdeploy") / "local")


@contextmanager
def using(folder: Path) -> Iterator[None]:
    """Turn what the operating system refuses about the state folder into a LocalError that names it."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise LocalError(
            f"Azure on this machine cannot keep its state in {folder}: {why}.",
            hint=f"Set {HOME_VARIABLE} to a folder that you may write to.",
        ) from error


def make_folder(path: Path) -> None:
    """Make a folder that only the user may enter; LocalError where that cannot be.

    One that is there already keeps its mode: it is the user's choice, and may hold other things.
    """
    with using(path):
        if not path.is_dir():
            path.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            path.chmod(_FOLDER_MODE)  # whatever the umask says


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only the user may read, in one step: no reader ever sees half of it."""
    make_folder(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with using(path.parent):
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        draft.replace(path)
