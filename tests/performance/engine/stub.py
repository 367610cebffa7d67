"""An endpoint that answers at once, as a process of its own: `python -m tests.performance.engine.stub`.

It prints its URL and serves until its standard input ends. Every POST gets the same chat completion (in DSPy's form
where the prompt asks for that), at once or after as many seconds as its argument says; GET tells how many POSTs there
were so far.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

import orjson

ANSWER = "billing"
DSPY_MARK = b"[[ ## "


def _response(content: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        len(content),
        content,
    )


def _completion(text: str) -> bytes:
    return _response(
        orjson.dumps(
            {
                "id": "chatcmpl-stub",
                "object": "chat.completion",
                "created": 1700000000,
                "model": "stub",
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": text},
                        "logprobs": None,
                        "finish_reason": "stop",
                    }
                ],
                "usage": {"prompt_tokens": 200, "completion_tokens": 2, "total_tokens": 202},
            }
        )
    )


PLAIN_REPLY = _completion(ANSWER)
DSPY_REPLY = _completion(f"[[ ## team ## ]]\n{ANSWER}\n\n[[ ## completed ## ]]")


class Connection(asyncio.Protocol):
    """One keep-alive connection of HTTP/1.1; requests carry a Content-Length or no body."""

    def __init__(self, requests: Counter[str], latency_s: float) -> None:
        self._requests = requests
        self._latency_s = latency_s
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._received += data
        while (response := self._answer()) is not None:
            if self._latency_s:
                asyncio.get_running_loop().call_later(self._latency_s, self._transport.write, response)
            else:
                self._transport.write(response)

    def _answer(self) -> bytes | None:
        head, end_of_head, rest = self._received.partition(b"\r\n\r\n")
        _, _, after = head.lower().partition(b"content-length:")
        length = int(after.partition(b"\r\n")[0] or 0)
        if not end_of_head or len(rest) < length:
            return None
        body, self._received = rest[:length], rest[length:]
        if head.startswith(b"GET"):
            return _response(b"%d" % self._requests["POST"])
        self._requests["POST"] += 1
        return DSPY_REPLY if DSPY_MARK in body else PLAIN_REPLY


async def serve(latency_s: float) -> None:
    """Serves until standard input ends."""
    loop = asyncio.get_running_loop()
    requests: Counter[str] = Counter()
    server = await loop.create_server(lambda: Connection(requests, latency_s), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]) if len(sys.argv) > 1 else 0.0))
