"""Whether the server lives, is ready, what it has done, and how it describes itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from tests.end_to_end import tickets
from tests.endpoints.faults import Fault, FaultKind
from tests.endpoints.server import Server, endpoints, served
from tests.service.api import requests
from tests.service.api.conftest import Finished


def metrics(server: Server) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = server.client.get("/metrics").text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


def counted(server: Server, method: str, route: str, status: int) -> float:
    labels = frozenset({"method": method, "route": route, "status": str(status)}.items())
    return metrics(server).get(("whet_http_request_seconds_count", labels), 0.0)


def test_it_lives_and_is_ready(finished: Finished) -> None:
    assert finished.server.client.get("/healthz").json() == {"status": "alive"}
    assert finished.server.client.get("/readyz").json() == {"status": "ready"}


def test_without_its_database_it_lives_but_is_not_ready(tmp_path: Path) -> None:
    with served(tmp_path, {}, jobs=0) as server:
        assert server.client.get("/readyz").status_code == 200
        with server.home.engine.begin() as connection:
            connection.execute(sa.text("DROP TABLE jobs"))
        assert server.client.get("/healthz").status_code == 200
        answer = server.client.get("/readyz")
        assert answer.status_code == 503
        assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("part", ["runner", "courier"])
def test_without_its_runner_of_jobs_or_courier_of_webhooks_it_is_not_ready(tmp_path: Path, part: str) -> None:
    with served(tmp_path, {}) as server:
        assert server.client.get("/readyz").status_code == 200
        getattr(server.state, part).stop()
        answer = server.client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["title"] == "Not ready"
        assert part in answer.json()["detail"]


def test_metrics_count_jobs_and_prompts_as_the_database_has_them(tmp_path: Path, finished: Finished) -> None:
    found = metrics(finished.server)
    assert found["whet_prompts", frozenset()] == 1
    assert found["whet_jobs", of(kind="optimization", status="succeeded")] == 1
    assert found["whet_queue_age_seconds", of()] == 0
    with served(tmp_path, endpoints("http://127.0.0.1:9/v1"), jobs=0) as server:
        assert metrics(server)["whet_prompts", frozenset()] == 0
        for seed in range(3):
            job_id = server.post(requests.small(seed=seed))["id"]
        server.client.post(f"/v1/optimizations/{job_id}/cancel")
        found = metrics(server)
        assert found["whet_jobs", of(kind="optimization", status="queued")] == 2
        assert found["whet_jobs", of(kind="optimization", status="cancelled")] == 1
        assert 0 < found["whet_queue_age_seconds", of()] < 60


def test_metrics_tell_what_was_spent_at_each_endpoint_by_the_operators_name(finished: Finished) -> None:
    found, spent = metrics(finished.server), finished.result["spent"]
    for part in ("calls", "ledger_hits", "prompt_tokens", "completion_tokens", "usd"):
        assert found[f"whet_spent_{part}", of(endpoint="local")] == spent[part]
    assert "127.0.0.1" not in finished.server.client.get("/metrics").text


def test_metrics_count_attempts_that_failed_by_kind_and_whether_they_were_repeated(tmp_path: Path) -> None:
    def at_times(number: int) -> Fault | None:
        return Fault(kind=FaultKind.SERVER_ERROR) if number in (9, 15) else None

    retried = of(endpoint="local", kind="server_error", then="retried")
    with tickets.endpoint(fault=at_times).in_thread() as endpoint:
        environment = endpoints(endpoint.url, identity="failing-at-times")
        with served(tmp_path, environment) as server:
            assert ("whet_model_failures_total", retried) not in metrics(server)
            server.optimize(requests.small())
            assert metrics(server)["whet_model_failures_total", retried] == 2


def test_metrics_count_requests_by_route_and_not_by_what_stands_in_it(tmp_path: Path) -> None:
    with served(tmp_path, {}, jobs=0) as server:
        for number in range(5):
            server.client.get(f"/v1/prompts/name-{number}?label=label-{number}")
        for number in range(3):
            server.client.get(f"/nowhere/{number}")
            server.client.request(f"BREW{number}", "/healthz")
        assert counted(server, "GET", "/v1/prompts/{name}", 404) == 5
        assert counted(server, "GET", "unknown", 404) == 3
        text = server.client.get("/metrics").text
        assert "name-1" not in text
        assert "nowhere" not in text
        assert "BREW" not in text


def test_servers_have_metrics_of_their_own(tmp_path: Path) -> None:
    with served(tmp_path / "a", {}, jobs=0) as one, served(tmp_path / "b", {}, jobs=0) as other:
        one.client.get("/healthz")
        assert counted(one, "GET", "/healthz", 200) == 1
        assert counted(other, "GET", "/healthz", 200) == 0


def test_the_documentation_names_every_operation_and_needs_no_other_site(finished: Finished) -> None:
    page = finished.server.client.get("/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    document = finished.server.client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method in operations:
            assert f"{method.upper()} {path}" in re.sub(r"<[^>]+>", "", page.text)
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page.text)


@pytest.mark.parametrize("path", ["/", "/docs", "/prompts/support-triage", "/optimizations/{id}"])
def test_pages_are_pages(finished: Finished, path: str) -> None:
    answer = finished.server.client.get(path.format(id=finished.job["id"]))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "support-triage" in answer.text or path == "/docs"
