"""Draws simulations as SVG: waiting tasks, pending and running pilots over time, a panel for each."""

from typing import List, Sequence, Tuple
from xml.sax.saxutils import escape

from pilot.ops.factory.simulation import Point

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 860, 220, 60, 30, 24
MOST_POINTS = 400
_LINES = (("waiting tasks", "#b45309", 1), ("pending pilots", "#6b7280", 2), ("running pilots", "#0f766e", 3))


def draw_simulations(runs: Sequence[Tuple[str, Sequence[Point]]]) -> str:
    """The picture of (title, points) pairs, with one scale for all."""
    most = max([1] + [max(point[1:]) for _, points in runs for point in points])
    end_s = max([1.0] + [points[-1].at_s for _, points in runs if points])
    height = HEIGHT * len(runs)
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif"'
        ' font-size="12">' % (WIDTH, height),
        '<rect width="%d" height="%d" fill="white"/>' % (WIDTH, height),
    ]
    for number, (title, points) in enumerate(runs):
        parts += ['<g transform="translate(0 %d)">' % (number * HEIGHT)]
        parts += _draw_panel(title, points, float(most), end_s) + ["</g>"]
    return "\n".join(parts + ["</svg>"]) + "\n"


def _draw_panel(title: str, points: Sequence[Point], most: float, end_s: float) -> List[str]:
    step = max(1, len(points) // MOST_POINTS)
    parts = ['<text x="%d" y="18" font-weight="bold">%s</text>' % (LEFT, escape(title))]
    for share in (0.0, 0.5, 1.0):
        at = _y(share * most, most)
        parts.append('<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/>' % (LEFT, WIDTH, at, at))
        parts.append(
            '<text x="%d" y="%.1f" text-anchor="end">%.0f</text>' % (LEFT - 6, at + 4, share * most)
        )
        parts.append('<text x="%.1f" y="%d" text-anchor="%s">%.0f h</text>' % (
            LEFT + share * (WIDTH - LEFT), HEIGHT - 6,
            "start" if share == 0.0 else "end" if share == 1.0 else "middle", share * end_s / 3600))
    for at, (name, colour, column) in enumerate(_LINES):
        line = " ".join(
            "%.1f,%.1f" % (LEFT + (WIDTH - LEFT) * point.at_s / end_s, _y(point[column], most))
            for point in points[::step]
        )
        parts.append(
            '<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5"/>' % (line, colour)
        )
        parts.append('<text x="%d" y="18" fill="%s" text-anchor="end">%s</text>' % (
            WIDTH - 4 - 110 * (len(_LINES) - 1 - at), colour, name))
    return parts


def _y(value: float, most: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most)
