from __future__ import annotations

import pytest

from benchmarks.errors import MetricError
from benchmarks.metrics.extraction import Extraction, make_extractor
from benchmarks.metrics.protocol import ReplyFormat

LABELS = ("billing", "orders", "Card arrival", "card arrival date", "not spam", "spam")


def extracted(extraction: Extraction, reply: str) -> str | None:
    return make_extractor(extraction, LABELS).extract(reply, ReplyFormat(marker="Answer:"))


@pytest.mark.parametrize("extraction", ["text", "line", "label", "mention", "number", "json"])
@pytest.mark.parametrize("reply", ["", " \n", "<think>billing 7 [1]", "billing 7 [1] Answer:"])
def test_a_reply_without_an_answer_is_a_format_failure(extraction: Extraction, reply: str) -> None:
    assert extracted(extraction, reply) is None


def test_text_is_everything() -> None:
    assert extracted("text", " Answer: a\nb ") == "a\nb"


@pytest.mark.parametrize("reply", ["\n a \nb", "```\na\n```", "```python\na\n```"])
def test_line_is_the_first_with_text(reply: str) -> None:
    assert extracted("line", reply) == "a"


@pytest.mark.parametrize(
    ("reply", "label"),
    [
        ("Billing.", "billing"),
        ("**card arrival**", "Card arrival"),
        ("billing\n\nbecause of the invoice", "billing"),
        ("```\nbilling\n```", "billing"),
        ("card\narrival", "Card arrival"),
        ("Answer: 'orders'", "orders"),
    ],
)
def test_label_is_given_as_the_task_spells_it(reply: str, label: str) -> None:
    assert extracted("label", reply) == label


@pytest.mark.parametrize("reply", ["It is billing.", "billing or orders", "refunds", "Team: billing"])
def test_label_is_not_searched_for_in_sentences(reply: str) -> None:
    assert extracted("label", reply) is None


@pytest.mark.parametrize(
    ("reply", "label"),
    [
        ("It is billing, clearly billing.", "billing"),
        ("This is not spam.", "not spam"),
        ("CARD ARRIVAL DATE", "card arrival date"),
        ("billing or orders", None),
        ("rebilling", None),
        ("refunds", None),
    ],
)
def test_mention_is_the_only_label_mentioned(reply: str, label: str | None) -> None:
    assert extracted("mention", reply) == label


def test_mention_finds_labels_in_scripts_without_spaces() -> None:
    assert make_extractor("mention", ["正面", "负面"]).extract("答案是正面。", ReplyFormat()) == "正面"


def test_number_is_the_last_one() -> None:
    assert extracted("number", "4 * 5 = 20, so it costs $1,234.50.") == "1234.50"
    assert extracted("number", "no idea") is None


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ('{"a": [1]}', '{"a": [1]}'),
        ('Here:\n```json\n{"a": 1}\n```\nand {"b": 2}', '{"a": 1}'),
        ("Use {name}: [1, 2] done", "[1, 2]"),
        ('{"a": {"b": 1}', None),
        ('{"a": NaN}', None),
        ("7", None),
        ("[" * 100_000, None),
        ("{" * 100_000, None),
    ],
)
def test_json_is_the_first_object_or_array(reply: str, text: str | None) -> None:
    assert extracted("json", reply) == text


@pytest.mark.parametrize("extraction", ["label", "mention"])
@pytest.mark.parametrize(
    ("labels", "message"),
    [([], "needs labels"), (["a", "A."], "'a' and 'A.'"), (["a", " "], "blank")],
)
def test_labels_that_replies_cannot_tell_apart_are_refused(
    extraction: Extraction, labels: list[str], message: str
) -> None:
    with pytest.raises(MetricError, match=message):
        make_extractor(extraction, labels)


def test_an_unknown_extraction_is_refused() -> None:
    with pytest.raises(MetricError, match="no extraction 'words'; known: text, line"):
        make_extractor("words")  # type: ignore[arg-type]
