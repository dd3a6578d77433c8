"""Dockerfiles as the process runtime reads them."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from azdeploy.local.dockerfile import Copied, Recipe, read_recipe
from azdeploy.local.image_folder import contents, digest, named_folder
from azdeploy.local.runtime import ImageNotAccessibleError

Make = Callable[..., Recipe]


@pytest.fixture
def recipe(tmp_path: Path) -> Make:
    """Read a Dockerfile that stands in a folder with these files."""

    def read(*lines: str, files: tuple[str, ...] = ()) -> Recipe:
        (tmp_path / "Dockerfile").write_text("\n".join(lines), encoding="utf-8")
        for name in files:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name, encoding="utf-8")
        return read_recipe(tmp_path, {"PATH": "/bin"})

    return read


def places(made: Recipe) -> dict[str, str]:
    return {copied.source: copied.target for copied in made.copied}


def test_variables_are_expanded_as_docker_does(recipe: Make) -> None:
    made = recipe(
        "ARG BASE=node",
        "ARG TAG=24",
        "FROM --platform=linux/amd64 ${BASE}:${TAG} AS only",
        "ARG BASE",
        "ARG MODE=fast",
        "ENV A=1 B=\"two words\" \\\n    C='$A'",
        "ENV D=$A-${B} E=${MODE} F=${BASE} G=${NONE:-default} H=${A:+set} PATH=/app:$PATH",
        "ENV OLD style value",
    )

    assert made.environment == {
        "A": "1",
        "B": "two words",
        "C": "$A",
        "D": "1-two words",
        "E": "fast",
        "F": "node",
        "G": "default",
        "H": "set",
        "PATH": "/app:/bin",
        "OLD": "style value",
    }


def test_commands_keep_their_form(recipe: Make) -> None:
    made = recipe("FROM scratch", 'ENTRYPOINT ["run", "$HOME"]', "CMD echo $HOME && true")

    assert made.entrypoint == ("run", "$HOME")
    assert made.command == ("/bin/sh", "-c", "echo $HOME && true")


def test_another_shell_is_used(recipe: Make) -> None:
    assert recipe("FROM x", 'SHELL ["/bin/bash", "-ec"]', "CMD a").command == ("/bin/bash", "-ec", "a")


def test_what_changes_nothing_for_a_process_is_skipped(recipe: Make) -> None:
    made = recipe(
        "# syntax=docker/dockerfile:1",
        "from x",
        "LABEL a=b",
        "MAINTAINER me",
        "EXPOSE 80/tcp",
        "USER node",
        "HEALTHCHECK CMD true",
        "ONBUILD RUN x",
        "STOPSIGNAL SIGINT",
        "VOLUME /data /more",
        'VOLUME ["/other"]',
    )

    assert made.stop_signal is signal.SIGINT
    assert made.folders == ("/data", "/more", "/other")
    assert recipe("FROM x", "STOPSIGNAL 12").stop_signal is signal.SIGUSR2
    assert recipe("FROM x", "STOPSIGNAL quit").stop_signal is signal.SIGQUIT


FILES = ("app/a.js", "app/b.txt", "app/lib/c.js", "top.js", "a file")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("COPY top.js ./", {"top.js": "/app/top.js"}),
        ("COPY top.js .", {"top.js": "/app/top.js"}),
        ("COPY top.js /app", {"top.js": "/app/top.js"}),
        ("COPY top.js other.js", {"top.js": "/app/other.js"}),
        ("COPY top.js /abs/dir/", {"top.js": "/abs/dir/top.js"}),
        ("ADD ./app/*.js /srv/", {"app/a.js": "/srv/a.js"}),
        ("COPY app/?.js $WHERE/", {"app/a.js": "/srv/a.js"}),
        ('COPY ["a file", "/with space"]', {"a file": "/with space"}),
        ("COPY --chown=node:node --link app/lib /srv", {"app/lib": "/srv", "app/lib/c.js": "/srv/c.js"}),
        (
            "COPY ./app/* /srv/",
            {"app/a.js": "/srv/a.js", "app/b.txt": "/srv/b.txt", "app/lib": "/srv", "app/lib/c.js": "/srv/c.js"},
        ),
        ("COPY top.js app/a.js /srv", {"top.js": "/srv/top.js", "app/a.js": "/srv/a.js"}),
    ],
)
def test_copies_go_where_docker_puts_them(recipe: Make, line: str, expected: dict[str, str]) -> None:
    assert places(recipe("FROM x", "ENV WHERE=/srv", "WORKDIR /app", line, files=FILES)) == expected


def test_a_whole_folder_is_copied_but_what_is_ignored(recipe: Make, tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("# not these\napp\n!app/a.js\n", encoding="utf-8")

    copied = places(recipe("FROM x", "COPY . /srv", files=FILES))

    files = {source for source in copied if (tmp_path / source).is_file()}
    assert files == {".dockerignore", "Dockerfile", "a file", "app/a.js", "top.js"}
    assert copied["app/a.js"] == "/srv/app/a.js"


def test_modes_are_taken_over(recipe: Make) -> None:
    made = recipe("FROM x", "COPY --chmod=755 top.js /bin/", files=FILES)

    assert made.copied == (Copied(source="top.js", target="/bin/top.js", mode=0o755),)


def test_working_folders_add_up(recipe: Make) -> None:
    made = recipe("FROM x", "WORKDIR /usr", "WORKDIR src/app")

    assert made.working_directory == "/usr/src/app"
    assert made.folders == ("/usr", "/usr/src/app")


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["RUN npm install"], "RUN cannot be honoured"),
        (["FROM y"], "several stages"),
        (["COPY --from=build /a /b"], "--from=build cannot be honoured"),
        (["ADD https://localhost/a /a"], "ADD of a URL"),
        (["ADD git@localhost:a/b.git /a"], "ADD of a URL"),
        (["ADD a.tar.gz /a"], "ADD of an archive"),
        (["COPY <<EOF /a", "text", "EOF"], "copying"),
        (["COPY onlyone"], "copying"),
        (["COPY ../secret /a"], "outside of the image's folder"),
        (["STOPSIGNAL SIGNOTHING"], "signal 'SIGNOTHING' is not known"),
        (["INVENTED a"], "instruction INVENTED is not known"),
        (["ENV A=1 B"], "cannot be read as name=value"),
    ],
)
def test_what_a_process_cannot_do_is_refused_with_the_way_out(recipe: Make, lines: list[str], reason: str) -> None:
    with pytest.raises(ImageNotAccessibleError) as refused:
        recipe("FROM x", *lines)

    assert reason in str(refused.value)
    assert "line 2:" in str(refused.value)
    assert str(refused.value).endswith("use --runtime docker.")


def test_a_missing_file_is_named(recipe: Make) -> None:
    with pytest.raises(ImageNotAccessibleError, match=r"line 2: there is no 'gone\.js' to copy .* check the path"):
        recipe("FROM x", "COPY gone.js /")


def test_a_dockerfile_needs_a_base(recipe: Make) -> None:
    with pytest.raises(ImageNotAccessibleError, match="has no FROM"):
        recipe("ENV A=1")


def test_folders_are_named_by_path_or_url() -> None:
    assert named_folder("/a/b") == Path("/a/b")
    assert named_folder("file:///a/b%20c") == Path("/a/b c")
    assert named_folder("nginx:1.27") is None
    assert named_folder("registry.example/a/b") is None


def test_a_digest_depends_on_names_contents_and_executability_only(tmp_path: Path) -> None:
    def made(name: str, *, mode: int = 0o644, text: str = "x") -> str:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "Dockerfile").write_text("FROM x", encoding="utf-8")
        (folder / "file").write_text(text, encoding="utf-8")
        (folder / "file").chmod(mode)
        (folder / "link").symlink_to("file")
        return digest(folder, contents(folder))

    first = made("first")

    assert made("same", mode=0o600) == first
    assert made("program", mode=0o755) != first
    assert made("other", text="y") != first


def test_a_broken_dockerignore_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM x", encoding="utf-8")
    (tmp_path / ".dockerignore").write_bytes(b"\xff\xfe\x00broken")

    with pytest.raises(ImageNotAccessibleError, match="cannot be read"):
        read_recipe(tmp_path, {})


def test_a_file_that_vanishes_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ImageNotAccessibleError, match="cannot be read"):
        digest(tmp_path, ["gone"])
