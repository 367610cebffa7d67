"""The pages, in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.end_to_end import tickets
from tests.endpoints.faults import Fault
from tests.endpoints.server import Server, endpoints, served
from tests.endpoints.wire import Json
from tests.service.api import requests
from tests.service.found import conclude, found

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
SLY = "Which team? <script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"
SLOW_S = 0.1


@dataclass(slots=True)
class Seen:
    """A page, and what the browser had to complain about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def failed(self, url: str, why: str | None) -> None:
        # What is still under way when one leaves a page is no failure.
        if why != "net::ERR_ABORTED":
            self.complaints.append(url)

    def go(self, path: str) -> None:
        self.page.goto(self.page.evaluate("location.origin") + path)

    def rows(self, heading: str) -> list[list[str]]:
        """The cells of the table under a heading."""
        table = self.page.locator(f"h1:has-text('{heading}') + .table, h2:has-text('{heading}') + .table")
        return [row.locator("td").all_inner_texts() for row in table.locator("tbody tr").all()]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium, "scripts/test installs chromium where it may; otherwise install it by hand"
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, args=FLAGS.split())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Json]]:
    """A server with one finished optimization."""
    folder = tmp_path_factory.mktemp("pages")
    with tickets.endpoint().in_thread() as endpoint, served(folder, endpoints(endpoint.url)) as server:
        yield server, server.optimize(requests.body())


@pytest.fixture
def seen(browser: Browser, shop: tuple[Server, Json]) -> Iterator[Seen]:
    """The first page."""
    with browser.new_page() as page:
        found = Seen(page)
        page.on("console", lambda message: found.complaints.append(message.text))
        page.on("requestfailed", lambda request: found.failed(request.url, request.failure))
        page.on("response", lambda response: found.complaints.append(response.url) if not response.ok else None)
        page.goto(shop[0].url)
        yield found
        assert found.complaints == []


def test_the_first_page_leads_to_a_run_and_its_prompts(seen: Seen, shop: tuple[Server, Json]) -> None:
    job = shop[1]
    assert seen.rows("Optimizations")[0][:3] == [job["id"], "support-triage", "succeeded"]
    assert seen.rows("Prompts") == [["support-triage", "2", "production → 2"]]
    seen.page.click(f"text={job['id']}")
    assert job["result"]["why"] in seen.page.inner_text("main")
    seen.page.click("text=All versions of support-triage")
    assert seen.page.inner_text("h1") == "support-triage"
    assert job["result"]["winner"]["digest"] in seen.page.inner_text("main")


def test_a_run_shows_the_curve_of_best_so_far_and_the_proof(seen: Seen, shop: tuple[Server, Json]) -> None:
    server, job = shop
    seen.go(f"/optimizations/{job['id']}")
    leaders = [event["data"] for event in server.events(job["id"]) if event["event"] == "best"]
    dots = seen.page.locator("svg .dot")
    assert dots.count() == len(leaders) > 1
    assert f"{leaders[-1]['score']:.3f}" in seen.page.locator("svg .dot title").last.text_content()  # type: ignore[operator]
    heights = [float(dot.get_attribute("cy") or 0) for dot in dots.all()]
    assert (heights[0] > heights[-1]) == (leaders[0]["score"] < leaders[-1]["score"])
    assert seen.page.locator("svg .band").bounding_box() is not None
    proof = seen.rows("Proof")
    assert [row[0] for row in proof] == ["Baseline", "Winner", "Difference"]
    assert f"{job['result']['evidence']['winner']['mean']:.3f}" in proof[1][1]


def test_a_run_shows_its_front_and_what_mattered(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, {}, jobs=0) as server, browser.new_page() as page:
        result = found(decision="promote", why="Better.", evidence=None)
        job_id = conclude(server.home, result)
        seen = Seen(page)
        page.goto(f"{server.url}/optimizations/{job_id}")
        front = seen.rows("The front")
        assert [row[0] for row in front] == ["1", "2", "3"]
        assert front[1][1:6] == ["0.855 (0.805 to 0.905)", "120", "400", "0.8000", "0.25"]
        assert [row[6] for row in front] == [member["words"] for member in result["front"]]
        assert result["cheaper"] in page.inner_text("main")
        assert [row[1] for row in seen.rows("What mattered")] == ["+6.2", "-4.0", "+0.0"]
        spans = [span.bounding_box() for span in page.locator("svg .span").all()]
        zero = page.locator("svg .axis").first.bounding_box()
        assert zero is not None
        ahead = [box is not None and box["x"] > zero["x"] for box in spans]
        behind = [box is not None and box["x"] + box["width"] < zero["x"] for box in spans]
        assert (ahead, behind) == ([True, False, False], [False, True, False])
        assert page.locator("svg[role=img]").first.get_attribute("aria-label") == "+2.1 to +10.3 points on 120 rows"
        assert all(sentence in page.inner_text("main") for sentence in result["mattered"]["words"])
        page.click("text=JSON >> nth=1")
        assert json.loads(page.inner_text("body"))["prompt"] == result["front"][1]["prompt"]


def test_labels_show_who_moved_them_and_why(seen: Seen, shop: tuple[Server, Json]) -> None:
    seen.go("/prompts/support-triage")
    moves = [row.locator("td").all_inner_texts() for row in seen.page.locator("tbody tr").all()]
    assert [move[1] for move in moves] == ["2", "1"]
    assert moves[0][3:] == [shop[1]["id"], shop[1]["result"]["why"]]


def test_what_changed_between_versions_is_shown(seen: Seen, shop: tuple[Server, Json]) -> None:
    seen.go("/prompts/support-triage")
    seen.page.click("text=What changed since version 1")
    assert seen.page.inner_text("h1") == "support-triage: version 1 → 2"
    removed, added = (seen.page.locator(f".diff .{kind}").all_inner_texts() for kind in ("removed", "added"))
    assert removed
    assert all(line.startswith("-") for line in removed)
    assert all(line.startswith("+") for line in added)
    rows = seen.rows("Beside the messages")
    assert rows[-1][0] == "Evidence"
    evidence = shop[1]["result"]["evidence"]
    assert f"{evidence['baseline']['mean']:.3f}" in rows[-1][1]
    assert f"{evidence['winner']['mean']:.3f}" in rows[-1][2]
    seen.page.click("h1 a")
    assert seen.page.inner_text("h1") == "support-triage"
    assert "production → version 2 protected" in seen.page.inner_text("main")


def test_the_api_is_documented_without_a_script(seen: Seen) -> None:
    seen.go("/docs")
    text = seen.page.inner_text("main")
    assert "POST /v1/optimizations" in text
    assert "PUT /v1/prompts/{name}/labels/{label}" in text
    assert seen.page.locator("script").count() == 0


def test_pages_fit_a_phone(seen: Seen, shop: tuple[Server, Json]) -> None:
    seen.page.set_viewport_size({"width": 360, "height": 640})
    for path in (
        "/",
        f"/optimizations/{shop[1]['id']}",
        "/prompts/support-triage",
        "/prompts/support-triage/diff?from=1&to=2",
        "/schedules",
        "/docs",
    ):
        seen.go(path)
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_a_run_under_way_is_followed_and_what_it_says_is_text(browser: Browser, tmp_path: Path) -> None:
    def slow(_number: int) -> Fault:
        return Fault(delay_s=SLOW_S)

    with (
        tickets.endpoint(fault=slow).in_thread() as endpoint,
        served(tmp_path, endpoints(endpoint.url)) as server,
        browser.new_page() as page,
    ):
        job = server.post(requests.body(prompt={"instruction": SLY}))
        page.goto(f"{server.url}/optimizations/{job['id']}")
        shown = []
        until = time.monotonic() + 60
        while "succeeded" not in shown and time.monotonic() < until:
            state = page.inner_text(".state")
            if state not in shown:
                shown.append(state)
            page.wait_for_timeout(200)
        assert shown[-1] == "succeeded"
        assert "running" in shown
        page.goto(f"{server.url}/prompts/support-triage")
        assert "<script>" in page.inner_text("main")
        assert re.match("support-triage", page.title())
