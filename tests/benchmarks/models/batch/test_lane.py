"""The batch lane against a Batch API: what is asked together goes out together, once, and whatever happens."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
import orjson
import pytest
import sqlalchemy as sa

from benchmarks.errors import AccessDenied, EndpointDown, EndpointError
from benchmarks.models.batch.lane import Batched, Limits
from benchmarks.models.batch.provider import LABEL
from benchmarks.models.batch.submissions import Submissions, batches, requests
from benchmarks.models.protocol import Completion, Failure, FailureKind
from service.home import Home, open_home
from tests.benchmarks.models.parts import IDENTITY, KEY, PRICED, ask, serving
from tests.endpoints.batches import BatchEndpoint, as_it_is
from tests.endpoints.faults import HTML_PAGE, Fault, FaultKind
from tests.endpoints.local import echo
from tests.endpoints.wire import Json, Reply

ROWS = [f"row {number}" for number in range(6)]


class Killed(Exception):
    """What a process dies of."""


@dataclass
class Clock:
    """Time that passes only where it is slept away. `strike` is called at every sleep."""

    now_s: float = 1_800_000_000.0
    slept: list[float] = field(default_factory=list)
    strike: Callable[[], None] = lambda: None

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds
        self.strike()
        for _ in range(10):  # Whoever else has something to do now may do it.
            await asyncio.sleep(0)

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Client:
    """Somebody who asks in batches. Every lane is a process of its own: what it knows of others is in `home`."""

    home: Any
    url: str
    clock: Clock = field(default_factory=Clock)
    options: dict[str, Any] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def lane(self, home: Any = None, *, run: str = "run", now_mark: int = 0) -> Batched:
        return Batched(
            identity=IDENTITY,
            api_base=self.url,
            model="local",
            tariff=PRICED,
            submissions=Submissions(home or self.home, run=run, now_mark=now_mark),
            on_notice=self.notices.append,
            on_left=self.left.append,
            clock=self.clock,
            now=self.clock,
            **{"api_key": KEY, "key_variable": "MY_KEY", "sleep": self.clock.sleep, **self.options},
        )

    async def ask(self, texts: Sequence[str] = ROWS, home: Any = None, **options: Any) -> list[Completion | Failure]:
        """The replies to `texts`, asked at once in a run of their own, which ends well."""
        lane = self.lane(home, **options)
        try:
            replies = await asyncio.gather(*(lane.complete(ask(text)) for text in texts))
            await lane.finish()
        finally:
            await lane.withdraw()
            await lane.close()
        return replies

    def kept(self) -> tuple[int, int]:
        """How many submissions and requests are written down."""
        with self.home.reading() as connection:
            tables = (batches, requests)
            counts = [connection.scalar(sa.select(sa.func.count()).select_from(table)) for table in tables]
        return int(counts[0] or 0), int(counts[1] or 0)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home({"WHET_HOME": str(tmp_path)})
    yield opened
    opened.engine.dispose()


@pytest.fixture
def any_home(home_environment: dict[str, str]) -> Iterator[Home]:
    """A home with a database of either kind."""
    opened = open_home(home_environment)
    yield opened
    opened.engine.dispose()


def texts(replies: Sequence[Completion | Failure]) -> list[str]:
    """What was replied; every reply must be a completion."""
    assert all(isinstance(reply, Completion) for reply in replies), replies
    return [reply.text for reply in replies if isinstance(reply, Completion)]


def failing(*failures: tuple[str, int]) -> Callable[[str, int], Fault | None]:
    """Faults of kind SERVER_ERROR at these calls: (operation, number)."""
    return lambda operation, number: Fault(kind=FaultKind.SERVER_ERROR) if (operation, number) in failures else None


# Going out


async def test_what_is_asked_at_once_goes_out_in_one_batch_and_comes_back_to_who_asked(any_home: Home) -> None:
    async with BatchEndpoint(echo) as endpoint:
        client = Client(any_home, endpoint.url)
        rows = [f"row {number}" for number in range(700)]
        replies = await client.ask(rows)
    assert texts(replies) == rows
    assert endpoint.calls["upload"] == endpoint.calls["make"] == len(endpoint.batches) == 1
    assert endpoint.answered == 700
    assert client.kept() == (0, 0)


async def test_requests_are_sent_as_they_are_under_the_ledger_s_key(home: Home) -> None:
    request = ask("Which team?", parameters={"temperature": 0, "max_tokens": 4}, key=bytes(range(32)))
    async with BatchEndpoint(echo) as endpoint:
        lane = Client(home, endpoint.url).lane()
        await lane.complete(request)
        await lane.close()
    (batch,) = endpoint.batches.values()
    assert endpoint.lines(batch) == [
        {
            "custom_id": bytes(range(32)).hex(),
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {
                "model": "local",
                "messages": [{"role": "user", "content": "Which team?"}],
                "temperature": 0,
                "max_tokens": 4,
            },
        }
    ]


@pytest.mark.parametrize("limits", [Limits(requests=4), Limits(bytes=900)])
async def test_a_batch_keeps_to_the_limits(home: Home, limits: Limits) -> None:
    async with BatchEndpoint(echo, most_requests=limits.requests, most_bytes=limits.bytes) as endpoint:
        client = Client(home, endpoint.url, options={"limits": limits})
        assert texts(await client.ask([f"row {number}" for number in range(10)])) == [f"row {n}" for n in range(10)]
    assert [len(endpoint.lines(batch)) for batch in endpoint.batches.values()] == [4, 4, 2]


async def test_a_batch_is_closed_once_no_more_requests_come(home: Home) -> None:
    async with BatchEndpoint(echo) as endpoint:
        client = Client(home, endpoint.url)
        lane = client.lane()
        late: list[asyncio.Task[Completion | Failure]] = []

        def another_one() -> None:
            if len(late) < 3:
                late.append(asyncio.create_task(lane.complete(ask(f"late {len(late)}"))))

        client.clock.strike = another_one
        await lane.complete(ask("first"))
        assert texts(await asyncio.gather(*late)) == ["late 0", "late 1", "late 2"]
        await lane.close()
    assert [len(endpoint.lines(batch)) for batch in endpoint.batches.values()] == [4]


async def test_a_request_goes_out_once_in_a_run_however_often_it_is_asked(home: Home) -> None:
    async with BatchEndpoint(echo) as endpoint:
        lane = Client(home, endpoint.url).lane()
        first = await asyncio.gather(lane.complete(ask("a")), lane.complete(ask("a")))
        assert texts([*first, await lane.complete(ask("a"))]) == ["a", "a", "a"]
        await lane.close()
    assert endpoint.answered == 1


async def test_it_is_looked_at_ever_more_rarely_and_says_how_far_it_is(home: Home) -> None:
    async with BatchEndpoint(echo, portions=14) as endpoint:
        client = Client(home, endpoint.url)
        await client.ask([f"row {number}" for number in range(28)])
    assert client.clock.slept[:4] == [1.0, 2.0, 3.0, 4.5]
    assert client.clock.slept[1:] == sorted(client.clock.slept[1:])
    assert client.clock.slept[-2:] == [60.0, 60.0]
    (name,) = endpoint.batches
    assert client.notices[:4] == [
        f"batch {name}: 28 requests, to be answered within 24 h",
        f"batch {name}: validating",
        f"batch {name}: 0 of 28 answered",
        f"batch {name}: 2 of 28 answered",
    ]
    assert client.notices[-1] == f"batch {name}: 28 of 28 answered, completed"


# Coming back


def strange(messages: list[Json], body: Json) -> Reply | Fault:
    """Goes wrong where it is told to."""
    text = messages[-1]["content"]
    kinds = {
        "outage": FaultKind.SERVER_ERROR,
        "limited": FaultKind.RATE_LIMITED,
        "filtered": FaultKind.CONTENT_FILTER,
        "page": FaultKind.HTML,
    }
    if text in kinds:
        return Fault(kind=kinds[text])
    return Reply(
        text="" if text == "withheld" else text, finish_reason="content_filter" if text == "withheld" else "stop"
    )


@pytest.mark.parametrize(
    ("text", "kind", "detail"),
    [
        ("outage", FailureKind.SERVER_ERROR, "answered 500: The server had an error"),
        ("limited", FailureKind.RATE_LIMITED, "answered 429: Rate limit reached"),
        ("page", FailureKind.TIMEOUT, "request_timeout"),
        ("filtered", FailureKind.CONTENT_FILTER, "content management policy"),
        ("withheld", FailureKind.CONTENT_FILTER, "the reply was filtered"),
        ("long " * 40, FailureKind.CONTEXT_TOO_LONG, "maximum context length is 50 tokens"),
    ],
)
async def test_what_happens_to_one_request_is_what_it_is_elsewhere(
    home: Home, text: str, kind: FailureKind, detail: str
) -> None:
    async with BatchEndpoint(strange, context_tokens=50) as endpoint:
        other, reply = await Client(home, endpoint.url).ask(["fine", text])
    assert isinstance(reply, Failure)
    assert (reply.kind, detail in reply.detail) == (kind, True), reply.detail
    assert texts([other]) == ["fine"]


async def test_a_reply_that_is_cut_off_says_so(home: Home) -> None:
    async with BatchEndpoint(echo) as endpoint:
        (reply,) = await Client(home, endpoint.url).ask(["much longer than sixteen tokens of four bytes " * 3])
    assert isinstance(reply, Completion)
    assert reply.truncated


@pytest.mark.parametrize(
    "garble",
    [
        lambda lines: [*lines, *lines],
        lambda lines: [b'{"custom_id": "of another run", "response": null}', *lines],
        lambda lines: [b"{not JSON", b"", b"[]", b"null", *lines],
        lambda lines: [orjson.dumps({**orjson.loads(line), "response": None}) for line in lines] + lines,
    ],
    ids=["twice", "unknown", "no JSON", "without and with a reply"],
)
async def test_lines_that_are_no_answers_do_no_harm(home: Home, garble: Callable[[list[bytes]], list[bytes]]) -> None:
    async with BatchEndpoint(echo, garble=garble) as endpoint:
        assert texts(await Client(home, endpoint.url).ask()) == ROWS


@pytest.mark.parametrize(
    ("garble", "kind"),
    [
        (lambda line: [], FailureKind.SERVER_ERROR),
        (lambda line: [line[: len(line) // 2]], FailureKind.SERVER_ERROR),
        (lambda line: [orjson.dumps({"custom_id": orjson.loads(line)["custom_id"]})], FailureKind.GARBLED),
        (
            lambda line: [orjson.dumps({**orjson.loads(line), "response": {"status_code": 200, "body": {}}})],
            FailureKind.GARBLED,
        ),
    ],
    ids=["no line", "half a line", "no response", "no completion"],
)
async def test_a_request_without_an_answer_is_missing_and_counts_as_paid(
    home: Home, garble: Callable[[bytes], list[bytes]], kind: FailureKind
) -> None:
    async with BatchEndpoint(echo, garble=lambda lines: [*garble(lines[0]), *lines[1:]]) as endpoint:
        *others, reply = await Client(home, endpoint.url).ask()
    assert isinstance(reply, Failure)
    assert (reply.kind, reply.kind.transient, reply.maybe_billed) == (kind, True, True)
    assert next(iter(endpoint.batches)) in reply.detail or kind is FailureKind.GARBLED
    assert texts(others) == ROWS[:-1]


async def test_an_expired_batch_gives_what_it_has_and_the_rest_is_missing(home: Home) -> None:
    async with BatchEndpoint(echo, expires_after=4) as endpoint:
        client = Client(home, endpoint.url)
        replies = await client.ask()
        assert texts(replies[:4]) == ROWS[:4]
        for reply in replies[4:]:
            assert isinstance(reply, Failure)
            assert (reply.kind, reply.maybe_billed) == (FailureKind.TIMEOUT, False)
            assert "batch_expired" in reply.detail
        endpoint.expires_after = None
        # The run is over; another one may ask them anew.
        assert texts(await client.ask(ROWS[4:])) == ROWS[4:]
    assert endpoint.answered_again == 0


async def test_a_cancelled_batch_gives_what_it_has_and_the_rest_is_missing(home: Home) -> None:
    async with BatchEndpoint(echo) as endpoint:
        client = Client(home, endpoint.url)

        def stop_halfway() -> None:
            for batch in endpoint.batches.values():
                if batch.answers and batch.status == "in_progress":
                    endpoint.cancel(batch.seen["id"])

        client.clock.strike = stop_halfway
        replies = await client.ask()
    assert texts(replies[:3]) == ROWS[:3]
    assert ["batch_cancelled" in reply.detail for reply in replies[3:] if isinstance(reply, Failure)] == [True] * 3
    assert client.notices[-1].endswith("3 of 6 answered, 3 failed, cancelled")


# What concerns the batch as a whole


async def test_a_batch_that_is_refused_ends_the_run_in_the_provider_s_words(home: Home) -> None:
    async with BatchEndpoint(echo, models=("other",)) as endpoint:
        client = Client(home, endpoint.url)
        with pytest.raises(EndpointError, match="line 1: The provided model 'local' is not supported by the Batch API"):
            await client.ask()
        assert client.kept() == (0, 0)
        assert client.left == []


async def test_a_full_queue_says_what_to_do_and_the_requests_may_go_out_anew(home: Home) -> None:
    async with BatchEndpoint(echo, most_tokens=10) as endpoint:
        client = Client(home, endpoint.url)
        lane = client.lane()
        for _ in range(2):
            replies = await asyncio.gather(*(lane.complete(ask(text)) for text in ROWS), return_exceptions=True)
            assert [isinstance(reply, EndpointError) for reply in replies] == [True] * 6
            assert re.search(r"Enqueued token limit reached.*once others have ended", str(replies[0]))
        endpoint.most_tokens = 1000
        assert texts([await lane.complete(ask("row 0"))]) == ["row 0"]
        await lane.finish()
        await lane.close()
        assert texts(await client.ask()) == ROWS
    assert [len(endpoint.lines(batch)) for batch in endpoint.batches.values()] == [6, 6, 1, 6]


async def test_a_file_that_is_refused_ends_the_run(home: Home) -> None:
    async with BatchEndpoint(echo, most_bytes=100) as endpoint:
        client = Client(home, endpoint.url)
        with pytest.raises(EndpointError, match="File is too large"):
            await client.ask()
    assert client.kept() == (0, 0)


async def test_of_several_batches_those_that_were_made_go_on_when_another_is_refused(home: Home) -> None:
    def fault(operation: str, number: int) -> Fault | None:
        return Fault(kind=FaultKind.CONTENT_FILTER) if (operation, number) == ("make", 2) else None

    async with BatchEndpoint(echo, call_fault=fault) as endpoint:
        client = Client(home, endpoint.url, options={"limits": Limits(requests=3)})
        with pytest.raises(EndpointError, match="refused as a whole"):
            await client.ask()
        (name,) = endpoint.batches
        assert [f"Batch {name} (3 requests) goes on" in said for said in client.left] == [True]
        assert texts(await client.ask()) == ROWS
    assert [len(endpoint.lines(batch)) for batch in endpoint.batches.values()] == [3, 3]


async def test_a_refused_key_ends_the_run_and_is_told_to_nobody(home: Home) -> None:
    async with BatchEndpoint(echo, key="another") as endpoint:
        with pytest.raises(AccessDenied, match="api_key_env") as denied:
            await Client(home, endpoint.url).ask()
    assert KEY not in str(denied.value)


async def test_rows_that_are_refused_for_what_every_request_would_meet_end_the_run_and_may_go_out_anew(
    home: Home,
) -> None:
    def without_credit(lines: list[bytes]) -> list[bytes]:
        error = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
        refusal = {**orjson.loads(lines[0]), "response": {"status_code": 429, "body": error}}
        return [orjson.dumps(refusal), *lines[1:]]

    async with BatchEndpoint(echo, garble=without_credit) as endpoint:
        client = Client(home, endpoint.url)
        lane = client.lane()
        replies = await asyncio.gather(*(lane.complete(ask(text)) for text in ROWS), return_exceptions=True)
        await lane.close()
        assert isinstance(replies[-1], EndpointError)
        assert "out of credit" in str(replies[-1])
        assert texts([reply for reply in replies[:-1] if not isinstance(reply, BaseException)]) == ROWS[:-1]
        endpoint.garble = as_it_is
        assert texts(await client.ask()) == ROWS
    assert [len(endpoint.lines(batch)) for batch in endpoint.batches.values()] == [6, 1]


async def test_an_address_without_a_batch_api_is_named(home: Home) -> None:
    from aiohttp import web

    async def not_found(request: web.Request) -> web.Response:
        return web.json_response({"detail": "Not Found"}, status=404)

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=HTML_PAGE, content_type="text/html")

    for answer, said in ((not_found, r"answered 404.*model\.batch needs"), (page, "not OpenAI's")):
        async with serving(answer) as url:
            with pytest.raises(EndpointDown, match=said):
                await Client(home, url).ask()


async def test_an_address_where_nobody_is_is_reported_at_once(home: Home) -> None:
    client = Client(home, "http://127.0.0.1:9/v1")
    with pytest.raises(EndpointDown, match=r"no connection.*Run the same command again"):
        await client.ask()
    assert sum(client.clock.slept) < 10


# Trouble on the way


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        *(
            (operation, kind)
            for operation in ("upload", "make", "look", "content")
            for kind in (FaultKind.RATE_LIMITED, FaultKind.SERVER_ERROR, FaultKind.RESET, FaultKind.HTML)
        ),
        *((operation, FaultKind.TRUNCATED_JSON) for operation in ("upload", "make", "look")),
    ],
)
async def test_trouble_that_passes_costs_time_and_nothing_else(home: Home, operation: str, kind: FaultKind) -> None:
    def fault(called: str, number: int) -> Fault | None:
        first = 3 if called == "upload" else 1  # An address that never answered is given up soon.
        return Fault(kind=kind) if called == operation and first <= number < first + 3 else None

    async with BatchEndpoint(echo, call_fault=fault) as endpoint:
        client = Client(home, endpoint.url, options={"limits": Limits(requests=2)})
        assert texts(await client.ask()) == ROWS
    assert endpoint.answered == len(ROWS)
    assert endpoint.answered_again == 0
    assert any(notice.endswith("; asking again.") for notice in client.notices)


async def test_a_batch_whose_making_was_not_heard_of_is_found_in_the_list(home: Home) -> None:
    def fault(operation: str, number: int) -> Fault | None:
        return Fault(kind=FaultKind.RESET) if (operation, number) == ("make", 1) else None

    async with BatchEndpoint(echo, call_fault=fault) as endpoint:
        assert texts(await Client(home, endpoint.url).ask()) == ROWS
    assert endpoint.calls["make"] == len(endpoint.batches) == 1


async def test_a_batch_is_only_made_again_once_the_first_would_have_appeared(home: Home) -> None:
    async with BatchEndpoint(echo, call_fault=failing(("make", 1))) as endpoint:
        client = Client(home, endpoint.url)
        assert texts(await client.ask()) == ROWS
    assert (endpoint.calls["make"], len(endpoint.batches)) == (2, 1)
    assert endpoint.calls["list"] > 2
    assert sum(client.clock.slept) >= 60


async def test_what_the_provider_asks_to_wait_is_waited(home: Home) -> None:
    def fault(operation: str, number: int) -> Fault | None:
        limited = Fault(kind=FaultKind.RATE_LIMITED, retry_after_s=45)
        return limited if (operation, number) == ("look", 1) else None

    async with BatchEndpoint(echo, call_fault=fault) as endpoint:
        client = Client(home, endpoint.url)
        await client.ask()
    assert 45.0 in client.clock.slept


@pytest.mark.parametrize("operation", ["make", "look", "content"])
async def test_an_outage_ends_the_run_after_an_hour_and_the_next_goes_on(home: Home, operation: str) -> None:
    def fault(called: str, number: int) -> Fault | None:
        return Fault(kind=FaultKind.SERVER_ERROR) if called == operation else None

    async with BatchEndpoint(echo, call_fault=fault) as endpoint:
        client = Client(home, endpoint.url)
        with pytest.raises(EndpointDown, match="Run the same command again"):
            await client.ask()
        assert sum(client.clock.slept) >= 3600
        endpoint.call_fault = lambda called, number: None
        assert texts(await client.ask()) == ROWS
    assert len(endpoint.batches) == 1


# A process that dies


@dataclass
class Dying:
    """A home whose process dies at the `at`-th transaction: before it begins, or just after it is durable."""

    home: Home
    at: int
    after: bool
    writings: int = 0

    def reading(self) -> AbstractContextManager[sa.Connection]:
        return self.home.reading()

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        self.writings += 1
        if self.writings == self.at and not self.after:
            raise Killed
        with self.home.writing() as connection:
            yield connection
        if self.writings == self.at:
            raise Killed

    def lock(self, name: str) -> AbstractContextManager[None]:
        return self.home.lock(name)


@pytest.mark.parametrize("at", [1, 2, 3, 4])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_whenever_a_process_dies_the_next_pays_nothing_twice(any_home: Home, at: int, after: bool) -> None:
    async with BatchEndpoint(echo) as endpoint:
        client = Client(any_home, endpoint.url)
        with pytest.raises(Killed):
            await client.ask(home=Dying(any_home, at, after))
        if at < 4 or not after:
            assert texts(await client.ask()) == ROWS
    assert len(endpoint.batches) == 1
    assert endpoint.answered == len(ROWS)
    assert client.kept() == (0, 0)


async def test_whenever_it_dies_while_it_waits_the_next_waits_for_the_same_batches(home: Home) -> None:
    async with BatchEndpoint(echo) as endpoint:
        client = Client(home, endpoint.url, options={"limits": Limits(requests=3)})
        lives = 0

        def die() -> None:
            if len(client.clock.slept) % 3 == 0:
                raise Killed

        client.clock.strike = die
        while True:
            lives += 1
            try:
                assert texts(await client.ask()) == ROWS
                break
            except Killed:
                continue
    assert lives > 2
    assert len(endpoint.batches) == 2
    assert endpoint.answered == len(ROWS)


async def test_a_batch_that_appears_late_is_found_by_the_next_process(home: Home) -> None:
    async with BatchEndpoint(echo) as endpoint:
        client = Client(home, endpoint.url)
        # It dies with its request to make a batch on the way.
        with pytest.raises(Killed):
            await client.ask(home=Dying(home, 2, after=True))
        with home.reading() as connection:
            submission, asked_at_s = connection.execute(sa.select(batches.c.id, batches.c.asked_at_s)).one()

        async def arrive() -> None:
            async with openai.AsyncOpenAI(base_url=endpoint.url, api_key="k") as opened:
                await opened.batches.create(
                    input_file_id=next(iter(endpoint.files)),
                    endpoint="/v1/chat/completions",
                    completion_window="24h",
                    metadata={LABEL: submission},
                )

        arriving: list[asyncio.Task[None]] = []
        slept = client.clock.sleep

        async def sleep(seconds: float) -> None:
            await slept(seconds)
            if client.clock.now_s > asked_at_s + 20 and not arriving:
                arriving.append(asyncio.create_task(arrive()))
                await arriving[0]

        client.options = {"sleep": sleep}
        assert texts(await client.ask()) == ROWS
    assert endpoint.calls["make"] == len(endpoint.batches) == 1


async def test_a_run_that_asks_more_than_the_one_that_died_sends_only_the_rest(home: Home) -> None:
    async with BatchEndpoint(echo, held="in_progress") as endpoint:
        client = Client(home, endpoint.url)
        lane = client.lane()
        asked = [asyncio.create_task(lane.complete(ask(text))) for text in ROWS[:4]]
        while endpoint.calls["look"] < 3:
            await asyncio.sleep(0)
        await lane.withdraw()
        await asyncio.gather(*asked, return_exceptions=True)
        await lane.close()
        endpoint.held = None
        assert texts(await client.ask(run="another")) == ROWS
    assert [len(endpoint.lines(batch)) for batch in endpoint.batches.values()] == [4, 2]


async def test_two_processes_that_ask_the_same_at_once_share_a_batch(any_home: Home) -> None:
    async with BatchEndpoint(echo) as endpoint:
        client, other = Client(any_home, endpoint.url), Client(any_home, endpoint.url)
        for replies in await asyncio.gather(client.ask(), other.ask()):
            assert texts(replies) == ROWS
    assert len(endpoint.batches) == 1
    assert client.kept() == (0, 0)


async def test_a_run_that_was_interrupted_keeps_its_first_mark_until_it_is_over(any_home: Home) -> None:
    async with BatchEndpoint(echo) as endpoint:
        client = Client(any_home, endpoint.url)
        with pytest.raises(Killed):
            await client.ask(home=Dying(any_home, 3, after=True), now_mark=7)
        assert Submissions(any_home, run="run", now_mark=9).mark == 7
        assert Submissions(any_home, run="another", now_mark=9).mark == 9
        await client.ask(now_mark=9)
        assert Submissions(any_home, run="run", now_mark=11).mark == 11


@pytest.mark.parametrize(("age_s", "given_up"), [(3600, False), (3 * 86_400, True)])
async def test_a_batch_that_the_provider_does_not_know_is_given_up_once_it_must_be_gone(
    home: Home, age_s: float, given_up: bool
) -> None:
    async with BatchEndpoint(echo) as endpoint:
        client = Client(home, endpoint.url)
        with pytest.raises(Killed):
            await client.ask(home=Dying(home, 3, after=True))
        endpoint.batches.clear()
        client.clock.now_s += age_s
        if not given_up:
            with pytest.raises(EndpointError, match="made with another key or project"):
                await client.ask()
            assert endpoint.calls["make"] == 1
            return
        replies = await client.ask()
        assert ["is gone" in reply.detail for reply in replies if isinstance(reply, Failure)] == [True] * 6
        assert texts(await client.ask()) == ROWS


async def test_files_that_are_gone_leave_their_rows_missing(home: Home) -> None:
    async with BatchEndpoint(echo) as endpoint:
        client = Client(home, endpoint.url)

        def lose() -> None:
            for name in [name for name, (shown, _) in endpoint.files.items() if shown["purpose"] == "batch_output"]:
                del endpoint.files[name]

        endpoint.on_call = lambda operation: lose() if operation == "look" else None
        replies = await client.ask()
    assert [isinstance(reply, Failure) and reply.kind.transient for reply in replies] == [True] * 6


# Stopping


async def test_a_withdrawn_batch_goes_on_and_says_how_to_go_on_and_how_to_stop_it(home: Home) -> None:
    async with BatchEndpoint(echo, held="in_progress") as endpoint:
        client = Client(home, endpoint.url)
        lane = client.lane()
        asked = [asyncio.create_task(lane.complete(ask(text))) for text in ROWS]
        while endpoint.calls["look"] < 4:
            await asyncio.sleep(0)
        for _ in range(2):
            await lane.withdraw()
        replies = await asyncio.gather(*asked, return_exceptions=True)
        await lane.close()
        assert [isinstance(reply, asyncio.CancelledError) for reply in replies] == [True] * 6
        (said,) = client.left
        (name,) = endpoint.batches
        assert f"Batch {name} (6 requests) goes on at {endpoint.url}" in said
        assert f'curl -X POST -H "Authorization: Bearer $MY_KEY" {endpoint.url}/batches/{name}/cancel' in said
        assert KEY not in said
        endpoint.held = None
        assert texts(await client.ask()) == ROWS
    assert len(endpoint.batches) == 1


async def test_withdrawn_before_the_batch_is_closed_nothing_is_sent(home: Home) -> None:
    async with BatchEndpoint(echo) as endpoint:
        client = Client(home, endpoint.url)
        client.options = {"sleep": lambda seconds: asyncio.Event().wait()}
        lane = client.lane()
        asked = asyncio.create_task(lane.complete(ask("a")))
        await asyncio.sleep(0.01)
        await asyncio.wait_for(lane.withdraw(), timeout=3)
        with pytest.raises(asyncio.CancelledError):
            await asked
        await lane.close()
    assert (endpoint.calls.total(), client.left, client.kept()) == (0, [], (0, 0))
