"""What models and users wrote stands in a report as it is: it makes no markup."""

from __future__ import annotations

from service.jobs import FAILED, Job
from service.pages.report import page
from service.report import Report

BAD = "<b>*x*</b> | [y](z) & _u_ `c`\n# heading"
BEST = {
    "prompt": {"messages": [{"role": "user", "content": f"```\n{BAD}"}]},
    "score": {"mean": 0.5, "low": 0.25, "high": 0.75},
    "n": 9,
}
JOB = Job(id="opt-1", identity="i", epoch_number=0, task="t", status=FAILED, error=BAD, best=BEST, created_at="2026")
REPORT = Report(job=JOB, trials=(), notices=(BAD,))


def test_in_markdown() -> None:
    text = REPORT.markdown()
    plain = r"\<b\>\*x\*\</b\> \| \[y\](z) \& \_u\_ \`c\` \# heading"
    assert text.count(plain) == 2
    assert f"````\n```\n{BAD}\n````" in text
    assert "0.500 (0.250 to 0.750) on 9 validation rows." in text
    assert "not proven" in text


def test_in_html() -> None:
    html = page(REPORT, [])
    assert "<b>" not in html
    assert html.count("&lt;b&gt;") == 3
