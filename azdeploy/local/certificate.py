"""The endpoint's certificate, issued by an authority of its own that clients are told to trust."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import trustme
from cryptography import x509

from azdeploy.local.home import Home, write_private

NAMES = ("localhost", "127.0.0.1", "::1")
_RENEW_BEFORE = timedelta(days=30)


def ensure(home: Home) -> None:
    """Make authority and certificate where they are missing or about to expire.

    The authority's key is thrown away at once: nobody can issue another certificate that these clients would trust.
    """
    if home.ca.exists() and home.certificate.exists() and not _expires(home):
        return
    authority = trustme.CA(organization_name="azdeploy local endpoint")
    issued = authority.issue_cert(*NAMES)
    write_private(home.certificate, issued.private_key_and_cert_chain_pem.bytes())
    write_private(home.ca, authority.cert_pem.bytes())


def context(home: Home) -> ssl.SSLContext:
    """Return what a server needs to speak TLS with that certificate."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.minimum_version = ssl.TLSVersion.TLSv1_2
    # Tickets would come behind the handshake: a client that waits for a session's first bytes in one thread and writes
    # in another takes them for these, and now and then waits for ever.
    server.num_tickets = 0
    server.load_cert_chain(home.certificate)
    return server


def _expires(home: Home) -> bool:
    certificate = x509.load_pem_x509_certificate(home.ca.read_bytes())
    return certificate.not_valid_after_utc - datetime.now(UTC) < _RENEW_BEFORE
