"""Mean regret by calls, drawn as a small SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tests.performance.search_quality.report import Curve

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 20, 44
CALLS = (200, 5000)
REGRET = (0.002, 0.4)
COLOURS = (
    "#c0392b",
    "#2c3e50",
    "#7f8c8d",
    "#95a5a6",
    "#b7950b",
    "#2471a3",
    "#5dade2",
    "#1abc9c",
    "#8e44ad",
    "#af7ac5",
    "#27ae60",
)


def drawing(curves: Mapping[str, Curve]) -> str:
    """Both axes are logarithmic; the first curve is drawn boldly. Regrets below the axis are drawn on it."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for calls in (200, 300, 600, 1000, 2000, 5000):
        x = _x(calls)
        lines.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        lines.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{calls:,}</text>')
    for regret in (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4):
        y = _y(regret)
        lines.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        lines.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{regret:g}</text>')
    lines.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">task calls</text>')
    lines.append(
        f'<text transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" '
        'text-anchor="middle">mean regret</text>'
    )
    taken: list[float] = []
    ends = sorted((_shown(points)[-1][1], name) for name, points in curves.items() if _shown(points))
    places = {}
    for regret, name in reversed(ends):
        y = max([_y(regret), *(other + 14 for other in taken)])
        taken.append(y)
        places[name] = y
    for number, (name, points) in enumerate(curves.items()):
        shown = _shown(points)
        if not shown:
            continue
        colour = COLOURS[number % len(COLOURS)]
        path = "M" + "L".join(f"{_x(calls):.1f} {_y(regret):.1f}" for calls, regret in shown)
        lines.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{3 if number == 0 else 1.5}"/>')
        lines.append(f'<text x="{WIDTH - RIGHT + 8}" y="{places[name] + 4:.1f}" fill="{colour}">{name}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def _shown(points: Curve) -> Curve:
    """The points in range, of a run of equal regrets only the first and the last."""
    inside = [(calls, regret) for calls, regret in points if CALLS[0] <= calls <= CALLS[1]]
    return [
        point
        for place, point in enumerate(inside)
        if place in (0, len(inside) - 1) or not inside[place - 1][1] == point[1] == inside[place + 1][1]
    ]


def _x(calls: float) -> float:
    return LEFT + (WIDTH - RIGHT - LEFT) * _share(calls, *CALLS)


def _y(regret: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * _share(regret, *REGRET)


def _share(value: float, low: float, high: float) -> float:
    return (math.log(min(max(value, low), high)) - math.log(low)) / (math.log(high) - math.log(low))
