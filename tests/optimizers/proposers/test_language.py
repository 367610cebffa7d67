"""The proposer model as DSPy's programs see it, over a real endpoint."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dspy
import pytest
import uvloop
from dspy.clients.base_lm import GLOBAL_HISTORY
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.errors import BudgetError, EndpointError
from benchmarks.models.connect import Endpoint, wire
from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Failure, FailureKind, LanguageModel
from benchmarks.models.scripted import Scripted
from optimizers.proposers.language import CutOff, NoReply, Reply, Unreadable, answer
from optimizers.proposers.programs import PROGRAMS
from tests.endpoints.faults import Fault, FaultKind
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.proposer import Mode, ProposerModel

INPUTS = {
    "task": "Sort parcels.",
    "instruction_so_far": "Sort it.",
    "failures": "text: ladder and violin, parcel number 0001\nExpected: scarlet\nGot: amber",
    "earlier_hypotheses": "(none)",
    "requirements": "(none)",
}


@asynccontextmanager
async def reached(endpoint: LocalEndpoint) -> AsyncIterator[LanguageModel]:
    """The model that `endpoint` serves, without wrappers."""
    async with endpoint:
        model = wire(Endpoint(name="hosted_vllm/local", api_base=endpoint.url), Tariff(price=None))
        try:
            yield model
        finally:
            await model.close()


async def asked(model: LanguageModel, repeat: int = 0) -> Reply:
    return await answer(PROGRAMS["reflective"], INPUTS, model=model, parameters={"max_tokens": 256}, repeat=repeat)


async def test_a_program_asks_the_seam_and_reads_the_fields_of_the_reply() -> None:
    endpoint = LocalEndpoint(ProposerModel().answer)
    async with reached(endpoint) as model:
        reply = await asked(model)
    assert reply.fields["instruction"] == "Sort it.\nladder goes to scarlet."
    assert reply.fields["hypothesis"]
    assert reply.closed
    assert endpoint.requests == 1
    assert endpoint.bodies[0]["max_tokens"] == 256
    assert [message["role"] for message in endpoint.bodies[0]["messages"]] == ["system", "user"]


async def test_a_program_leaves_no_thread_no_history_and_no_setting_behind() -> None:
    threads, entries = threading.active_count(), len(GLOBAL_HISTORY)
    async with reached(LocalEndpoint(ProposerModel().answer)) as model:
        await asked(model)
    assert threading.active_count() == threads
    assert len(GLOBAL_HISTORY) == entries
    assert dspy.settings.lm is None
    assert dspy.settings.adapter is None
    assert dspy.settings.trace == []


def test_programs_run_on_the_loop_that_the_service_uses() -> None:
    async def main() -> Reply:
        async with reached(LocalEndpoint(ProposerModel().answer)) as model:
            return await asked(model)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(main()).closed


async def test_programs_of_two_jobs_at_the_same_time_keep_to_their_own_models() -> None:
    def says(name: str) -> Scripted:
        text = f"[[ ## hypothesis ## ]]\n{name}\n\n[[ ## instruction ## ]]\nSort.\n\n[[ ## completed ## ]]"
        return Scripted(script=lambda _: text, latency_s=0.01)

    one, other = says("one"), says("other")
    replies = await asyncio.gather(*(asked(model, n) for n, model in enumerate([one, other] * 4)))
    assert [reply.fields["hypothesis"] for reply in replies] == ["one", "other"] * 4
    assert [request.repeat for request in one.requests] == [0, 2, 4, 6]


@pytest.mark.parametrize(
    ("mode", "error"), [(Mode.BAD_FORMAT, Unreadable), (Mode.CUT_OFF, CutOff), (Mode.FAILING, NoReply)]
)
async def test_a_bad_answer_is_an_error_with_a_meaning_after_one_call(mode: Mode, error: type[Exception]) -> None:
    endpoint = LocalEndpoint(ProposerModel(mode=mode).answer)
    async with reached(endpoint) as model:
        with pytest.raises(error):
            await asked(model)
    assert endpoint.requests == 1


async def test_a_request_that_the_budget_has_no_room_for_is_a_budget_error() -> None:
    model = Scripted(script=lambda _: Failure(kind=FailureKind.UNAFFORDABLE, detail="no room"))
    with pytest.raises(BudgetError, match="no room"):
        await asked(model)


async def test_an_endpoint_that_cannot_be_used_says_so() -> None:
    def revoked(_number: int) -> Fault:
        return Fault(kind=FaultKind.REVOKED_KEY)

    async with reached(LocalEndpoint(ProposerModel().answer, fault=revoked)) as model:
        with pytest.raises(EndpointError):
            await asked(model)


pieces = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "[[ ## hypothesis ## ]]",
                "[[ ## instruction ## ]]",
                "[[ ## completed ## ]]",
                "\n",
                "{",
                "```",
                '"',
                "null",
            ]
        ),
        st.text(max_size=12),
    ),
    max_size=8,
).map("".join)


@settings(max_examples=80, deadline=None)
@given(text=pieces)
def test_whatever_a_model_says_is_read_or_unreadable(text: str) -> None:
    try:
        reply = asyncio.run(asked(Scripted(script=lambda _: text)))
    except Unreadable:
        return
    assert set(reply.fields) == {"hypothesis", "instruction"}
