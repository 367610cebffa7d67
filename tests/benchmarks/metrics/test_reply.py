from __future__ import annotations

import pytest

from benchmarks.metrics.protocol import ReplyFormat
from benchmarks.metrics.reply import answer_part

BARE = ReplyFormat()
MARKER = ReplyFormat(marker="Answer:")
TAGS = ReplyFormat(opening="<team>", closing="</team>")


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        ("<think>orders? no</think>\n\nbilling", "billing"),
        ("<think>a <think>b</think> c</think> billing", "billing"),
        ("orders? no</think> billing", "billing"),
        ("<THINK>no</THINK>billing", "billing"),
        ("billing <think>am I sure?</think>", "billing"),
        ("<think>orders, because", ""),
        ("  <think>orders\n\nbilling", ""),
        ("", ""),
    ],
)
def test_hidden_reasoning_is_no_answer(reply: str, part: str) -> None:
    assert answer_part(reply, BARE) == part


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        ("Answer: billing", "billing"),
        ("The Answer: orders? No.\nANSWER: billing", "billing"),
        ("**Answer:** billing", "billing"),
        ("*Answer:*\nbilling", "billing"),
        ("Answer: *billing*", "*billing*"),
        ("billing", "billing"),
        ("billing\nAnswer:", ""),
        ("<think>Answer: orders</think>billing", "billing"),
    ],
)
def test_what_follows_the_last_marker_is_taken(reply: str, part: str) -> None:
    assert answer_part(reply, MARKER) == part


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        ("<team>billing</team>", "billing"),
        ("billing</team>", "billing"),
        ("<team>billing", "billing"),
        ("billing", "billing"),
        ("In <team> tags: <team>billing</team> done</team>", "billing"),
        ("<TEAM> billing </TEAM>", "billing"),
    ],
)
def test_what_stands_between_the_tags_is_taken_and_one_tag_is_enough(reply: str, part: str) -> None:
    assert answer_part(reply, TAGS) == part


@pytest.mark.parametrize("reply", ["```billing```", "a ```orders``` or ```billing``` b", "billing```", "```billing"])
def test_an_opening_that_looks_like_the_closing_is_paired(reply: str) -> None:
    assert answer_part(reply, ReplyFormat(opening="```", closing="```")) == "billing"


def test_white_space_within_a_tag_may_differ() -> None:
    json_style = ReplyFormat(opening='{"team": "', closing='"}')
    assert answer_part('{"team":"billing"}', json_style) == "billing"


def test_marker_and_tags_work_together() -> None:
    both = ReplyFormat(marker="Answer:", opening="<team>", closing="</team>")
    assert answer_part("<team>x</team> Answer: <team>billing</team>", both) == "billing"


def test_letters_whose_lower_case_is_longer_do_not_shift_the_cut() -> None:
    assert answer_part("İİİİ answer: billing", MARKER) == "billing"
