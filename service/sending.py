"""One attempt to send an event to a webhook: signed, to an address that was looked at, and without a second look-up."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from benchmarks.models.wire import retry_after_s
from service.addresses import Address, Allowed, Forbidden, check, parse_url
from service.deliveries import Answer, Delivery
from service.signatures import signed_headers
from service.webhooks import Webhook

TIMEOUT_S = 10.0
HEADERS = {"Content-Type": "application/cloudevents+json; charset=utf-8", "User-Agent": "whet-webhooks/1"}

Lookup = Callable[[str, int], Sequence[str]]
"""The addresses that a host stands for, for connections to a port. Raises OSError if there are none. It is called in a
thread that may wait."""


def looked_up(host: str, port: int) -> list[str]:
    """The addresses by the system's own resolver."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Sends to public addresses, and to those that the operator has `allowed`. Certificates are checked by `tls`, for
    the name in the URL."""

    allowed: Allowed
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    lookup: Lookup = looked_up
    timeout_s: float = TIMEOUT_S

    async def send(self, webhook: Webhook, delivery: Delivery, now: datetime) -> Answer:
        """What came of an attempt at the time `now`. Of the receiver's answer only the head is read; redirects are not
        followed."""
        body = delivery.body.encode()
        signed = signed_headers(webhook.live_secrets(now), delivery.event, int(now.timestamp()), body)
        started = time.perf_counter()
        status = asked_for = error = None
        try:
            async with asyncio.timeout(self.timeout_s):
                url = parse_url(webhook.url)
                addresses = await self._addresses(url)
                status, asked_for = await self._post(url, addresses, body, {**HEADERS, **signed})
        except TimeoutError:
            error = f"no answer within {self.timeout_s:g} s"
        except (Forbidden, aiohttp.ClientError, OSError) as met:
            error = _in_short(met)
        return Answer(status=status, error=error, duration_s=time.perf_counter() - started, retry_after_s=asked_for)

    async def _addresses(self, url: URL) -> list[Address]:
        """The addresses to connect to. Raises Forbidden if whet may not connect to one of them."""
        found = await asyncio.to_thread(self.lookup, url.raw_host or "", url.port or 0)
        addresses = [ip_address(address) for address in dict.fromkeys(found)]
        check(url, addresses, self.allowed)
        return addresses

    async def _post(
        self, url: URL, addresses: Sequence[Address], body: bytes, headers: dict[str, str]
    ) -> tuple[int, float | None]:
        connector = aiohttp.TCPConnector(
            resolver=_Known(addresses), use_dns_cache=False, ssl=self.tls, force_close=True
        )
        async with (
            aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
            ) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            return answer.status, retry_after_s(answer.headers)


class _Known(AbstractResolver):
    """Resolves every host to the addresses that were looked at."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses."""
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """There is nothing to close."""


def _in_short(error: Exception) -> str:
    """Why there was no answer, without anything that the other side has said."""
    match error:
        case Forbidden():
            return str(error)
        case socket.gaierror():
            return "the host is not known"
        case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLCertVerificationError() as refused):
            return f"the certificate is refused: {refused.verify_message}"
        case aiohttp.ClientConnectorError():
            return f"no connection: {error.os_error.strerror or type(error.os_error).__name__}"
        case _:
            return f"no HTTP answer: {type(error).__name__}"
