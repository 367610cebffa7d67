from __future__ import annotations

import pytest

from benchmarks.metrics.normalisation import normalise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Card \n arrival ", "card arrival"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("ｂｉｌｌｉｎｇ", "billing"),
        ("**Billing**", "billing"),
        ("***billing***", "billing"),
        ("_billing_.", "billing"),
        ('"Billing."', "billing"),
        ("“billing”", "billing"),
        ("`billing`", "billing"),
        ("«billing»!", "billing"),
        ("```\nbilling\n```", "billing"),
        ("```text\nbilling\n```", "billing"),
        ("```billing```", "billing"),
        ("don’t", "don't"),
        ("top‑up – fee", "top-up - fee"),
        ("お願いします。", "お願いします"),
    ],
)
def test_differences_that_do_not_count_are_removed(text: str, expected: str) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize("text", [".", "?!", '""', "**", "(b)", "c++", "a_b", "> ) }", "it's"])
def test_what_carries_the_answer_stays(text: str) -> None:
    assert normalise(text) == text


def test_case_is_kept_on_request() -> None:
    assert normalise("'May'.", case_sensitive=True) == "May"
