"""Content addresses."""

from __future__ import annotations

from benchmarks.digests import canonical, digest


def test_the_order_of_keys_does_not_matter_and_that_of_items_does() -> None:
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1, "b": [1, 2]}) != digest({"a": 1, "b": [2, 1]})


def test_canonical_json_has_sorted_keys_no_spaces_and_plain_utf_8() -> None:
    assert canonical({"b": "é\n", "a": [None, True, 0.5]}) == '{"a":[null,true,0.5],"b":"é\\n"}'.encode()


def test_what_differs_in_content_differs_in_digest() -> None:
    contents = [None, 0, 0.0, "0", "", [], {}, [0], {"a": None}, "a", "A", "a ", "é", "e\u0301", True]
    assert len({digest(content) for content in contents}) == len(contents)


def test_digests_stay_the_same_between_versions_and_machines() -> None:
    assert digest({"a": [1, "é"]}) == "5db14a2cddc92d31365806bb5d82ed2bc436bf6960d10cd4654140f7bdadce1c"
