"""The report of an optimization as one page that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from service.events import BEST, Recorded
from service.pages.curve import curve
from service.report import Heading, Report, Verbatim
from service.words import Grid

HERE = Path(__file__).parent


@cache
def _style() -> str:
    return (HERE / "static" / "style.css").read_text(encoding="utf-8")


def policy() -> str:
    """The content security policy for a report: its own style, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    )


def page(report: Report, events: list[Recorded]) -> str:
    """The report in HTML."""
    environment = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True)
    kinds = {Heading: "heading", Verbatim: "verbatim", Grid: "grid", str: "paragraph"}
    return environment.get_template("report.html").render(
        report=report,
        style=Markup(_style()),  # noqa: S704 - whet's own style sheet
        parts=[(kinds[type(part)], part) for part in report.parts()],
        curve=curve([event.data for event in events if event.kind == BEST]),
    )
