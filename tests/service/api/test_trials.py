"""What an optimization tried is told without running anything again, and reported in one piece."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from service.words import spent
from tests.end_to_end import tickets
from tests.endpoints.server import endpoints, served
from tests.endpoints.wire import Json
from tests.service.api import requests
from tests.service.api.conftest import Finished


def told(finished: Finished, **parameters: str) -> httpx.Response:
    return finished.server.client.get(f"/v1/optimizations/{finished.job['id']}/trials", params=parameters)


def every_trial(finished: Finished, limit: int) -> list[Json]:
    items: list[Json] = []
    answer = told(finished, limit=str(limit))
    while True:
        page = answer.json()
        items += page["items"]
        assert len(page["items"]) <= limit
        assert (page["next"] is None) == ("Link" not in answer.headers)
        if page["next"] is None:
            return items
        answer = finished.server.client.get(answer.links["next"]["url"])


def test_every_prompt_that_was_tried_is_told_once_the_baseline_first(finished: Finished) -> None:
    asked = finished.endpoint.requests
    trials = every_trial(finished, 3)
    assert [one["trial"] for one in trials] == list(range(finished.result["trials"]))
    assert len({one["prompt_digest"] for one in trials}) == len(trials)
    assert trials[0]["prompt_digest"] == finished.result["baseline"]["digest"]
    assert finished.result["winner"]["digest"] in {one["prompt_digest"] for one in trials}
    assert trials == every_trial(finished, 200)
    assert finished.endpoint.requests == asked
    for one in trials:
        assert 0 <= one["interval"]["low"] <= one["score"] <= one["interval"]["high"] <= 1
        assert 0 < one["n"] <= one["rows"]
        assert one["prompt_tokens"] > 0
        assert one["factors"]["instruction"]


def test_those_that_others_outran_have_stopped_and_the_longest_runners_have_not(finished: Finished) -> None:
    trials = every_trial(finished, 200)
    most = max(one["rows"] for one in trials)
    assert {one["stopped"] for one in trials} == {True, False}
    assert all(one["rows"] < most for one in trials if one["stopped"])


def test_trials_say_that_they_are_no_proof(finished: Finished) -> None:
    page = told(finished).json()
    assert (page["proof"], page["complete"]) == (False, True)


def test_a_trial_tells_of_itself_in_the_stream_of_events(finished: Finished) -> None:
    events = finished.server.events(finished.job["id"])
    latest = {event["data"]["trial"]: event["data"] for event in events if event["event"] == "trial"}
    assert [latest[number] for number in sorted(latest)] == every_trial(finished, 200)


@pytest.mark.parametrize(("parameters", "status"), [({"limit": "201"}, 422), ({"cursor": "x"}, 422)])
def test_pages_have_bounds(finished: Finished, parameters: dict[str, str], status: int) -> None:
    assert told(finished, **parameters).status_code == status


@pytest.mark.parametrize("what", ["trials", "report"])
def test_of_nothing_there_is_nothing(finished: Finished, what: str) -> None:
    assert finished.server.client.get(f"/v1/optimizations/opt-none/{what}").status_code == 404


def report(finished: Finished, form: str | None = None, accept: str | None = None) -> httpx.Response:
    parameters = {} if form is None else {"format": form}
    headers = {} if accept is None else {"Accept": accept}
    return finished.server.client.get(
        f"/v1/optimizations/{finished.job['id']}/report", params=parameters, headers=headers
    )


@pytest.mark.parametrize(
    ("form", "accept", "kind"),
    [
        (None, "*/*", "application/json"),
        (None, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "text/html"),
        (None, "text/markdown", "text/markdown"),
        (None, "text/html;q=0.2, text/markdown;q=0.7", "text/markdown"),
        ("html", "application/json", "text/html"),
        ("markdown", None, "text/markdown"),
        ("json", "text/html", "application/json"),
    ],
)
def test_a_report_has_the_form_that_was_asked_for(
    finished: Finished, form: str | None, accept: str | None, kind: str
) -> None:
    answer = report(finished, form, accept)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].partition(";")[0] == kind


def test_a_form_that_there_is_none_of_is_refused(finished: Finished) -> None:
    assert report(finished, accept="image/png").status_code == 406
    assert report(finished, accept="text/html;q=0").status_code == 406
    assert report(finished, "pdf").status_code == 422


def test_all_forms_tell_the_same_in_the_words_of_the_card(finished: Finished) -> None:
    markdown, html = report(finished, "markdown").text, report(finished, "html").text
    told = report(finished, "json").json()
    assert told["optimization"] == finished.job
    assert told["trials"] == every_trial(finished, 200)
    words = spent(finished.result)
    assert words in html.replace("&#39;", "'")
    assert words in markdown.replace("\\", "")
    for message in finished.result["winner"]["messages"]:
        assert message["content"] in markdown


def test_a_report_in_html_needs_nothing_but_itself(finished: Finished) -> None:
    answer = report(finished, "html")
    assert not re.findall(r"(?:src|href|url)\s*[=(]", answer.text)
    assert "<script" not in answer.text
    assert "<style>:root" in answer.text
    (policy,) = answer.headers.get_list("Content-Security-Policy")
    assert "'self'" not in policy
    assert "default-src 'none'; style-src 'sha256-" in policy


@pytest.mark.slow
def test_what_models_and_users_wrote_is_no_markup_in_a_report(tmp_path: Path) -> None:
    bad = "<b>*x*</b> | ```` [y](z)"
    with tickets.endpoint().in_thread() as endpoint, served(tmp_path, endpoints(endpoint.url)) as server:
        task = requests.small(prompt={"instruction": bad})
        job = server.optimize(task)
        address = f"/v1/optimizations/{job['id']}/report"
        html = server.client.get(address, params={"format": "html"}).text
        markdown = server.client.get(address, params={"format": "markdown"}).text
    assert "<b>" not in html
    outside = re.sub(r"^(`{3,})\n.*?\n\1$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    assert "<b>" not in outside
