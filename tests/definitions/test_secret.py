"""Secrets: never shown, and compared by a salted digest."""

from __future__ import annotations

import traceback

import pytest
from full_group import FULL_GROUP, HIDDEN
from hypothesis import given, settings
from hypothesis import strategies as st

from azdeploy.definitions.secret import Secret, digest, matches

SALT = b"0123456789abcdef"


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret(HIDDEN)
    assert [str(secret), repr(secret), f"{secret}", f"{secret:>5}"] == ["***", "Secret('***')", "***", "  ***"]
    assert HIDDEN not in repr(FULL_GROUP)
    assert secret.reveal() == HIDDEN


def test_a_traceback_with_a_definition_shows_no_secret() -> None:
    error = ValueError(FULL_GROUP)
    assert "full-group" in "".join(traceback.format_exception(error))
    assert HIDDEN not in "".join(traceback.format_exception(error))


def test_a_digest_fits_a_tag_and_matches_just_its_secrets() -> None:
    known = digest({"a": "1", "b": "2"}, SALT)
    assert len(known) <= 256
    assert matches(known, {"b": "2", "a": "1"})
    assert not matches(known, {"a": "1", "b": "3"})
    assert not matches(known, {"a": "1"})
    assert not matches(known, {})


def test_the_salt_makes_equal_secrets_look_different() -> None:
    assert digest({"a": "1"}, SALT) != digest({"a": "1"}, SALT[::-1])
    assert "1" not in digest({"a": "1"}, SALT).split(".")


@pytest.mark.parametrize(
    "known", ["", "s1", "s1..", "s1.AAAA", "s1.!.!.!", "s2." + digest({"a": "1"}, SALT)[3:], "s1.é.x"]
)
def test_a_digest_that_cannot_be_read_matches_nothing(known: str) -> None:
    assert not matches(known, {"a": "1"})


@settings(max_examples=8)
@given(st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2), st.binary(max_size=16))
def test_every_digest_matches_its_own_secrets(secrets: dict[str, str], salt: bytes) -> None:
    assert matches(digest(secrets, salt), secrets)
