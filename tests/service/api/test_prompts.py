"""Pulling a prompt: by label or version, with its evidence, and cheap to ask for again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from benchmarks.models.protocol import Message
from benchmarks.prompts.prompt import Prompt
from service.registry import Registry
from tests.endpoints.server import Server, served
from tests.service.api.conftest import Finished

MOVING = "max-age=60, stale-while-revalidate=600, stale-if-error=86400"
IMMUTABLE = "private, max-age=31536000, immutable"


def prompt(text: str) -> Prompt:
    return Prompt(messages=(Message(role="user", content=text + " {{message}}"),), parameters={"temperature": 0})


@pytest.fixture
def registered(tmp_path: Path) -> Iterator[Server]:
    """A server whose registry holds `triage` in two versions, of which production is the first."""
    with served(tmp_path, {}, jobs=0) as server:
        registry = Registry(server.home)
        registry.register("triage", prompt("First."), {"n": 36})
        registry.register("triage", prompt("Second."), None)
        registry.move_label("triage", "production", 1, "the first", "somebody")
        yield server


def test_an_app_pulls_what_production_points_to(finished: Finished) -> None:
    answer = finished.server.client.get("/v1/prompts/support-triage?label=production")
    found, winner = answer.json(), finished.result["winner"]
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == MOVING
    assert answer.headers["ETag"] == f'"{winner["digest"]}"'
    assert (found["name"], found["version"], found["digest"]) == ("support-triage", 2, winner["digest"])
    assert (found["messages"], found["variables"]) == (winner["messages"], ["message"])
    assert (found["config"], found["factors"]) == (winner["parameters"], winner["factors"])
    assert found["evidence"].items() >= {**finished.result["evidence"], "role": "winner"}.items()
    assert finished.server.client.get("/v1/prompts/support-triage").json() == found


def test_a_version_never_changes_and_says_so(finished: Finished) -> None:
    for number, arm in ((1, "baseline"), (2, "winner")):
        answer = finished.server.client.get(f"/v1/prompts/support-triage/versions/{number}")
        assert answer.json()["digest"] == finished.result[arm]["digest"]
        assert answer.json()["evidence"]["role"] == arm
        assert answer.headers["Cache-Control"] == IMMUTABLE
        assert answer.headers["ETag"] == f'"{finished.result[arm]["digest"]}"'


@pytest.mark.parametrize("address", ["support-triage", "support-triage/versions/2", "nobody"])
def test_head_answers_as_get_without_a_body(finished: Finished, address: str) -> None:
    whole = finished.server.client.get(f"/v1/prompts/{address}")
    head = finished.server.client.head(f"/v1/prompts/{address}")
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert head.headers.get("ETag") == whole.headers.get("ETag")


@pytest.mark.parametrize("address", ["support-triage", "support-triage/versions/2"])
def test_whoever_has_it_is_not_sent_it_again(finished: Finished, address: str) -> None:
    whole = finished.server.client.get(f"/v1/prompts/{address}")
    tag = whole.headers["ETag"]
    for held in (tag, f"W/{tag}", f'"other", {tag}', f'"other",{tag} , "more"', "*"):
        answer = finished.server.client.get(f"/v1/prompts/{address}", headers={"If-None-Match": held})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["ETag"] == tag
        assert answer.headers["Cache-Control"] == whole.headers["Cache-Control"]
    for held in ('"other"', tag.strip('"'), tag[:-1] + '-jinja"'):
        answer = finished.server.client.get(f"/v1/prompts/{address}", headers={"If-None-Match": held})
        assert (answer.status_code, answer.json()) == (200, whole.json())


def test_each_format_has_a_tag_of_its_own(finished: Finished) -> None:
    address = "/v1/prompts/support-triage"
    tags = {
        form: finished.server.client.get(f"{address}{form}").headers["ETag"]
        for form in ("", "?format=openai", "?format=text", "?format=jinja")
    }
    assert len(set(tags.values())) == 4
    for form in tags:
        for other, tag in tags.items():
            answer = finished.server.client.get(f"{address}{form}", headers={"If-None-Match": tag})
            assert answer.status_code == (304 if form == other else 200)


def test_a_label_that_moved_is_sent_anew(registered: Server) -> None:
    first = registered.client.get("/v1/prompts/triage")
    Registry(registered.home).move_label("triage", "production", 2, "better", "somebody")
    second = registered.client.get("/v1/prompts/triage", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.json()["version"], first.json()["evidence"]) == (1, {"n": 36})
    assert (second.json()["version"], second.json()["evidence"]) == (2, None)


def test_many_pull_at_once_while_the_label_moves_and_each_gets_one_whole_version(registered: Server) -> None:
    digests = {1: prompt("First.").digest, 2: prompt("Second.").digest}

    def pull(number: int) -> httpx.Response:
        if number % 20 == 0:
            Registry(registered.home).move_label("triage", "production", 1 + number // 20 % 2, "", "somebody")
        return registered.client.get("/v1/prompts/triage")

    with ThreadPoolExecutor(48) as pool:
        answers = list(pool.map(pull, range(400)))
    for answer in answers:
        assert answer.status_code == 200
        assert answer.headers["ETag"] == f'"{answer.json()["digest"]}"'
        assert answer.json()["digest"] == digests[answer.json()["version"]]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("triage?label=staging", "The prompt 'triage' has no label 'staging'; its labels: production."),
        ("triage?label=", "The prompt 'triage' has no label ''; its labels: production."),
        ("triage/versions/3", "The prompt 'triage' has no version 3; its versions: 1 to 2."),
        ("triaeg", "Did you mean 'triage'?"),
        ("triaeg/versions/1", "Did you mean 'triage'?"),
    ],
)
def test_what_is_not_there_is_never_replaced_by_another(registered: Server, address: str, said: str) -> None:
    answer = registered.client.get(f"/v1/prompts/{address}")
    assert answer.status_code == 404
    assert said in answer.json()["detail"]
    assert "ETag" not in answer.headers
    assert "Cache-Control" not in answer.headers


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "9" * 30])
def test_a_version_is_a_number_from_one(registered: Server, number: str) -> None:
    assert registered.client.get(f"/v1/prompts/triage/versions/{number}").status_code == 422


def test_prompts_are_listed_by_name_page_after_page(registered: Server) -> None:
    registry = Registry(registered.home)
    names = sorted([f"prompt-{number}" for number in range(9)] + ["Z.upper_1", "triage"])
    for name in names:
        registry.register(name, prompt(name), None)
    found: list[str] = []
    address, pages = "/v1/prompts?limit=4", 0
    while address:
        answer = registered.client.get(address)
        found += [item["name"] for item in answer.json()["items"]]
        pages += 1
        address = answer.links["next"]["url"] if "next" in answer.links else ""
        assert (answer.json()["next"] is None) == (not address)
    assert (found, pages) == (names, 3)
    whole = registered.client.get("/v1/prompts?limit=11")
    assert (len(whole.json()["items"]), whole.json()["next"]) == (11, None)


def test_a_list_shows_versions_evidence_and_labels(registered: Server) -> None:
    [item] = registered.client.get("/v1/prompts").json()["items"]
    assert (item["name"], item["labels"]) == ("triage", {"production": 1})
    assert [(v["version"], v["evidence"]) for v in item["versions"]] == [(1, {"n": 36}), (2, None)]
    assert item["versions"][0]["digest"] == prompt("First.").digest


def test_an_empty_registry_is_an_empty_list(tmp_path: Path) -> None:
    with served(tmp_path, {}, jobs=0) as server:
        assert server.client.get("/v1/prompts").json() == {"items": [], "next": None}
        assert server.client.get("/v1/prompts/triage").status_code == 404
