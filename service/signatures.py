"""How a receiver knows that an event comes from whet, and has not been sent before: signatures of Standard Webhooks.

Source: the Standard Webhooks specification, version 1.0.0 (symmetric signatures).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32
WINDOW_S = 300
"""Receivers refuse what was signed longer ago than this, or is signed for a time so far in the future."""


def new_secret() -> str:
    """A secret to sign with: 256 random bits."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(live: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that go with `body`: its id, the time of this attempt (seconds since 1970), and one signature by each
    of the secrets that are `live`."""
    content = b".".join((message_id.encode(), str(timestamp).encode(), body))
    keys = (base64.b64decode(secret.removeprefix(PREFIX)) for secret in live)
    signatures = (hmac.digest(key, content, hashlib.sha256) for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(signature).decode()}" for signature in signatures),
    }
