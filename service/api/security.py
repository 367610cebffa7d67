"""Who may ask: keys, hosts, kinds and sizes of bodies."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import Refused, problem
from service.key_use import KeyUse
from service.keys import SCOPES, Caller, Keys

ANYBODY = Caller(id="anybody", name="anybody on this machine", scopes=SCOPES)
ADMINISTRATOR = Caller(id="admin", name="administrator", scopes=SCOPES)

JSON_ONLY = frozenset({"application/json"})
OF_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
"""What a web page of any origin may send without asking."""

HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; frame-ancestors 'none'; "
        b"base-uri 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


def is_loopback(host: str) -> bool:
    """Whether `host`, an address or localhost, is reachable from this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Lets callers in by key, and notes the `use` of keys; on `loopback`, everybody, until there is a key. `admin_key`
    is the operator's own, from the environment."""

    keys: Keys
    use: KeyUse
    loopback: bool
    admin_key: str | None

    @property
    def open(self) -> bool:
        """Whether nobody is asked for a key."""
        return self.loopback and not self.admin_key and not self.keys.any_made()

    def caller(self, request: Request) -> Caller:
        """Who asks. Raises Refused (401) for a missing or wrong key."""
        given = _given_key(request.headers.get("authorization", ""))
        if given is None:
            if self.open:
                return ANYBODY
            raise _unauthorised("This server asks for a key: send Authorization: Bearer <key>.")
        if self.admin_key and secrets.compare_digest(given.encode(), self.admin_key.encode()):
            return ADMINISTRATOR
        caller = self.keys.caller(given)
        if caller is None:
            raise _unauthorised("The key is not valid; it may have been revoked, or have expired.")
        self.use.note(caller.id)
        return caller


def _unauthorised(detail: str) -> Refused:
    # Browsers ask for user and password then; the key goes in as the password.
    return Refused(401, "No valid key", detail, {"WWW-Authenticate": 'Bearer realm="whet", Basic realm="whet"'})


def _given_key(header: str) -> str | None:
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return None


def allowed(scope: str) -> Callable[[Request], Caller]:
    """A dependency: the caller, who must have `scope`. Raises Refused (401, 403)."""

    def check(request: Request) -> Caller:
        gate: Gate = request.app.state.gate
        caller = gate.caller(request)
        if not caller.may(scope):
            raise Refused(403, "Not allowed", f"The key '{caller.name}' does not have the scope {scope}.")
        return caller

    return check


def media_type(request: Request) -> str:
    """The media type of the body, in lower case and without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


class Border:
    """What every request must be, before anybody looks at it: for a known host, with a body of JSON, not too large.
    `uploads` are the paths to which POST may also send other media types, and which.

    Web pages of other origins cannot send JSON without being asked back, their requests without a body name their
    origin, and a foreign name that resolves to this machine is no known host, so no page can drive a server that is
    open on loopback. The same holds for `uploads`: without asking first, a page may only send the three media types of
    forms (the Fetch standard's CORS-safelisted request headers), of which it must therefore hold none.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: tuple[str, ...], most_bytes: int, uploads: Mapping[str, frozenset[str]]
    ) -> None:
        self._app, self._hosts, self._most_bytes, self._uploads = app, hosts, most_bytes, uploads
        if any(kinds & OF_FORMS for kinds in uploads.values()):
            raise ValueError("a web page could send that unasked")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or turns it down."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", ())
                own = {name.lower() for name, _ in given}
                message["headers"] = [*given, *(header for header in HEADERS if header[0] not in own)]
            await send(message)

        refusal = self._refusal(request)
        if refusal is not None:
            await problem(*refusal)(scope, receive, protected)
            return
        body = _Limited(receive, self._most_bytes)
        await self._app(scope, body, protected)

    def _refusal(self, request: Request) -> tuple[int, str, str] | None:
        host = request.headers.get("host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if "*" not in self._hosts and name not in self._hosts:
            return 421, "Unknown host", "This server does not answer under that name; whet serve --allow-host adds one."
        reads = request.method in ("GET", "HEAD")
        if not reads and request.headers.get("origin", f"://{host}").partition("://")[2] != host:
            return 403, "Another origin", "Web pages of other origins may not send this."
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._most_bytes:
            return 413, "Too large", f"A body may have {self._most_bytes:,} bytes."
        kind = media_type(request)
        accepted = self._uploads.get(request.url.path, JSON_ONLY) if request.method == "POST" else JSON_ONLY
        carries = length != "0" or "transfer-encoding" in request.headers
        if not reads and kind not in accepted and (carries or kind):
            if accepted != JSON_ONLY:
                return 415, "Not known", f"Send files as Content-Type: {', '.join(sorted(accepted))}."
            return 415, "Not JSON", "Send bodies as Content-Type: application/json."
        return None


class _Limited:
    """Receives a body without a declared length up to a limit."""

    def __init__(self, receive: Receive, most_bytes: int) -> None:
        self._receive, self._left, self._most = receive, most_bytes, most_bytes

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise Refused(413, "Too large", f"A body may have {self._most:,} bytes.")
        return message
