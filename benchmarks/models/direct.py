"""The direct lane: any OpenAI-compatible endpoint (vLLM, OpenAI, ...) over aiohttp, with little work per call.

Wire format: OpenAI's `POST {api_base}/chat/completions`. What its errors mean is in `benchmarks.models.wire`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import aiohttp
import orjson
from yarl import URL

from benchmarks.errors import EndpointDown
from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Completion, Failure, FailureKind, ModelIdentity, Request
from benchmarks.models.timeouts import Timeouts
from benchmarks.models.wire import failure_of_status, read_completion, redact

CONNECT_TIMEOUT_S = 10.0


@dataclass(slots=True, kw_only=True)
class Direct:
    """One model at one OpenAI-compatible endpoint.

    `api_base` is the address up to and including `/v1`; `model` the name in the request body. `api_key`, if any, is
    sent as a bearer token and appears nowhere else.
    """

    identity: ModelIdentity
    api_base: str
    model: str
    tariff: Tariff
    api_key: str | None = field(default=None, repr=False)
    timeout_s: float = 120.0
    _address: URL = field(init=False, repr=False)
    _session: aiohttp.ClientSession | None = None
    _timeouts: Timeouts = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._address = URL(f"{self.api_base}/chat/completions")
        self._timeouts = Timeouts(self.timeout_s)

    async def complete(self, request: Request) -> Completion | Failure:
        """The endpoint's answer to one attempt.

        Raises AccessDenied for a refused key and EndpointDown for an address that serves something else.
        """
        body = orjson.dumps(
            {
                "model": self.model,
                "messages": [{"role": m.role, "content": m.content} for m in request.messages],
                **request.parameters,
            }
        )
        started = time.perf_counter()
        try:
            with self._timeouts.limited():
                async with self._open().post(self._address, data=body) as response:
                    raw = await response.read()
                    status, headers = response.status, response.headers
        except aiohttp.ClientConnectorError as error:
            cause = error.os_error.strerror or str(error.os_error)
            if isinstance(error.os_error, ConnectionRefusedError):
                cause = "connection refused (is a server running there?)"
            if isinstance(error, aiohttp.ClientConnectorDNSError):
                cause += " (is the name in api_base right?)"
            return self._lost(FailureKind.CONNECTION, f"cannot connect to {self.api_base}: {cause}", started)
        except aiohttp.ConnectionTimeoutError:
            detail = f"no connection to {self.api_base} within {CONNECT_TIMEOUT_S:g} s"
            return self._lost(FailureKind.CONNECTION, detail, started)
        except TimeoutError:
            detail = f"no reply from {self.api_base} within {self.timeout_s:g} s"
            return self._lost(FailureKind.TIMEOUT, detail, started, maybe_billed=True)
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise EndpointDown(f"api_base '{self.api_base}' is not an address: {error}.") from error
        except aiohttp.ClientError as error:
            detail = f"the connection to {self.api_base} broke: {type(error).__name__} {error}"
            return self._lost(FailureKind.CONNECTION, detail, started, maybe_billed=True)

        latency_s = time.perf_counter() - started
        if status != 200:
            return failure_of_status(
                status,
                headers,
                redact(raw.decode(errors="replace"), self.api_key),
                api_base=self.api_base,
                model=self.model,
                latency_s=latency_s,
            )
        if headers.get("Content-Type", "").startswith("text/html"):
            raise EndpointDown(
                f"{self.api_base}/chat/completions answered with a web page, not with JSON: is api_base right? "
                "It usually ends in /v1."
            )
        return read_completion(raw, self.tariff, request, latency_s, self.api_key)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {"Content-Type": "application/json"}
            if self.api_key:
                headers["Authorization"] = f"Bearer {self.api_key}"
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=headers,
                timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_TIMEOUT_S),
            )
        return self._session

    def _lost(self, kind: FailureKind, detail: str, started: float, *, maybe_billed: bool = False) -> Failure:
        return Failure(
            kind=kind,
            detail=redact(detail, self.api_key),
            maybe_billed=maybe_billed,
            latency_s=time.perf_counter() - started,
        )

    async def withdraw(self) -> None:
        """Nothing waits here."""

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
