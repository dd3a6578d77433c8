"""Who signs in, and the one sentence when nobody can."""

from __future__ import annotations

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import DefaultAzureCredential

from azdeploy.arm import credential
from azdeploy.errors import CredentialError


def test_a_ready_token_is_used_as_it_is_and_never_shown() -> None:
    signer = credential.signer("hush")
    assert signer.get_token("any/.default", claims="x").token == "hush"
    assert "hush" not in repr(signer)


def test_a_credential_of_azure_identity_is_used_as_it_is() -> None:
    given = credential.GivenToken("t")
    assert credential.signer(given) is given


def test_without_a_token_azure_identity_decides_and_opens_no_browser() -> None:
    with credential.signer(None) as chosen:
        assert isinstance(chosen, DefaultAzureCredential)
        assert not any("Browser" in type(one).__name__ for one in chosen.credentials)


def test_settings_that_make_no_sense_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "nonsense")
    with pytest.raises(CredentialError, match=r"settings of the environment make no sense: .*nonsense") as told:
        credential.signer(None)
    assert "\n" not in str(told.value)


def test_a_refused_sign_in_says_what_entra_said() -> None:
    told = (
        "DefaultAzureCredential failed to retrieve a token from the included credentials.\n"
        "\tEnvironmentCredential: Authentication failed: AADSTS7000215: Invalid client secret provided. "
        "Ensure the secret being sent is right. Trace ID: 1\n"
    )
    refused = credential.refusal(ClientAuthenticationError(message=told))
    assert refused.message == "Azure refused the sign-in: AADSTS7000215: Invalid client secret provided."


def test_a_refusal_without_a_sentence_is_told_to_the_end_of_its_line() -> None:
    refused = credential.refusal(ClientAuthenticationError(message="AADSTS50058\nmore"))
    assert refused.message == "Azure refused the sign-in: AADSTS50058."


def test_a_sign_in_that_failed_otherwise_says_why() -> None:
    told = (
        "No token.\nAttempted credentials:\n\tEnvironmentCredential: Authentication failed: Name not known\nTo mitigate"
    )
    failed = credential.refusal(ClientAuthenticationError(message=told))
    assert failed.message == "Signing in to Azure by EnvironmentCredential failed: Name not known."


def test_nobody_signed_in_says_how_to() -> None:
    assert str(credential.refusal(ClientAuthenticationError(message="a\nb"))) == (
        "Nobody is signed in to Azure. Run `az login`, or set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET."
    )
