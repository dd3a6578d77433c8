"""Who may use the endpoint: the tenant with its one client, and the tokens that are issued to it.

As Entra does it, as far as azure-identity, MSAL and az ask for it.
"""

from __future__ import annotations

import hmac
import json
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt

from azdeploy.local.clock import Clock
from azdeploy.local.home import Home, write_private
from azdeploy.local.wire import Json, Refusal, Reply

_ALGORITHM = "HS256"
_LIFE = timedelta(hours=1)  # what Entra gives an access token, roughly
_OWN_LIFE = timedelta(days=365)  # our own client's, made anew at every start
_SKEW = timedelta(minutes=5)
ADFS = "adfs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The ids of this machine's tenant, subscription and client."""

    tenant: str
    subscription: str
    client_id: str
    object_id: str


def load_identity(home: Home) -> Identity:
    """Return the ids kept in the state folder; new ones when there are none."""
    if not home.identity.exists():
        made = Identity(**{name: str(uuid.uuid4()) for name in Identity.__dataclass_fields__})
        write_private(home.identity, json.dumps(asdict(made)).encode())
    if not home.secret.exists():
        write_private(home.secret, secrets.token_urlsafe(32).encode())
    if not home.signing_key.exists():
        write_private(home.signing_key, secrets.token_bytes(64))
    return Identity(**json.loads(home.identity.read_text()))


def _not_empty(path: Path) -> bytes:
    """Return a file's content; ValueError for none, with which anybody could sign in."""
    if content := path.read_bytes():
        return content
    raise ValueError(f"{path.name} is empty")


class Authority:
    """Issues tokens to whoever knows the client secret, and checks them."""

    def __init__(self, home: Home, clock: Clock) -> None:
        self.identity = load_identity(home)
        self._secret = _not_empty(home.secret)
        self._key = _not_empty(home.signing_key)
        self._clock = clock

    def own_token(self, base: str) -> str:
        """Return the token of our own client, which reads it from the state file."""
        return self._issue(base, audience=base, life=_OWN_LIFE)

    def grant(self, base: str, form: Mapping[str, str]) -> Reply:
        """Answer a token request: client credentials only; a wrong secret or client is refused as Entra does it.

        No id_token: az takes one for a user's and ends with a KeyError.
        """
        if form.get("grant_type") != "client_credentials":
            return self._refused(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        if form.get("client_id", "").lower() != self.identity.client_id:
            unknown = f"Application with identifier '{form.get('client_id', '')}' was not found in the directory."
            return self._refused(400, "unauthorized_client", 700016, unknown)
        if not hmac.compare_digest(form.get("client_secret", "").encode(), self._secret):
            return self._refused(401, "invalid_client", 7000215, "Invalid client secret provided.")
        audience = form.get("resource") or form.get("scope", "").split(" ")[0].removesuffix("/.default")
        token = self._issue(base, audience=audience or base, life=_LIFE)
        seconds = int(_LIFE.total_seconds())
        body = {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}
        return Reply(body=body, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})

    def check(self, base: str, header: str | None) -> None:
        """Let a request pass whose Authorization header holds a token of ours that is still good; else Refusal 401."""
        challenge = {"WWW-Authenticate": f'Bearer authorization_uri="{base}/{self.identity.tenant}"'}
        if not header:
            message = "Authentication failed. The 'Authorization' header is missing."
            raise Refusal(401, "AuthenticationFailed", message, headers=challenge)
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            message = "The 'Authorization' header is provided in an invalid format."
            raise Refusal(401, "AuthenticationFailedInvalidHeader", message, headers=challenge)
        try:
            self._decode(token.strip())
        except jwt.ExpiredSignatureError:
            challenge["WWW-Authenticate"] += ', error="invalid_token", error_description="The access token expired."'
            raise Refusal(401, "ExpiredAuthenticationToken", "The access token expired.", headers=challenge) from None
        except jwt.InvalidTokenError:
            challenge["WWW-Authenticate"] += ', error="invalid_token", error_description="The access token is invalid."'
            raise Refusal(
                401, "InvalidAuthenticationToken", "The access token is invalid.", headers=challenge
            ) from None

    def _decode(self, token: str) -> None:
        needed: Any = {"require": ["exp", "tid", "iss"], "verify_aud": False, "verify_exp": False, "verify_nbf": False}
        claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM], options=needed | {"verify_iat": False})
        if claims["tid"] != self.identity.tenant:
            raise jwt.InvalidTokenError("of another tenant")
        if float(claims["exp"]) <= self._clock.now().timestamp():
            raise jwt.ExpiredSignatureError("expired")

    def _issue(self, base: str, *, audience: str, life: timedelta) -> str:
        now = self._clock.now()
        return jwt.encode(_claims(self.identity, base, audience, now, life), self._key, algorithm=_ALGORITHM)

    def _refused(self, status: int, error: str, code: int, message: str) -> Reply:
        told = f"AADSTS{code}: {message}"
        return Reply(status=status, body={"error": error, "error_description": told, "error_codes": [code]})


def _claims(identity: Identity, base: str, audience: str, now: datetime, life: timedelta) -> Json:
    return {
        "aud": audience,
        "iss": f"{base}/{identity.tenant}/",
        "iat": int(now.timestamp()),
        "nbf": int((now - _SKEW).timestamp()),
        "exp": int((now + life).timestamp()),
        "appid": identity.client_id,
        "appidacr": "1",
        "idp": f"{base}/{identity.tenant}/",
        "idtyp": "app",
        "oid": identity.object_id,
        "sub": identity.object_id,
        "tid": identity.tenant,
        "uti": secrets.token_urlsafe(16),
        "ver": "1.0",
    }


def openid_configuration(base: str, tenant: str) -> Json:
    """Return where a tenant's tokens come from; ADFS has no version in its paths."""
    root = f"{base}/{tenant}"
    version = "" if tenant.lower() == ADFS else "/v2.0"
    return {
        "authorization_endpoint": f"{root}/oauth2{version}/authorize",
        "token_endpoint": f"{root}/oauth2{version}/token",
        "device_authorization_endpoint": f"{root}/oauth2{version}/devicecode",
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "jwks_uri": f"{root}/discovery{version}/keys",
        "response_types_supported": ["token"],
        "grant_types_supported": ["client_credentials"],
        "subject_types_supported": ["pairwise"],
        "issuer": f"{root}{version}",
    }


def cloud_endpoints(base: str, tenant: str, api_version: str) -> Any:
    """Return what ``az cloud register`` and the SDKs ask for first: one object since 2022-09-01, a list before.

    Services that this machine lacks point to itself, so that nothing ever leaves it.
    """
    suffixes = {"storage": "localhost", "keyVaultDns": "localhost", "acrLoginServer": "localhost"}
    one = {
        "name": "azdeploy-local",
        "portal": base,
        "authentication": {
            "loginEndpoint": base,
            "audiences": [base, f"{base}/"],
            "tenant": tenant,
            "identityProvider": "AAD",
        },
        "resourceManager": base,
        "media": base,
        "graph": base,
        "graphAudience": base,
        "gallery": base,
        "batch": base,
        "sqlManagement": base,
        "vmImageAliasDoc": base,
        "activeDirectoryDataLake": base,
        "microsoftGraphResourceId": base,
        "suffixes": suffixes,
    }
    return one if api_version >= "2022-09-01" else [one]
