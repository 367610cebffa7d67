"""A metric of one's own: what a wrongly routed message costs."""

NEIGHBOURS = [
    {"billing", "vouchers"},
    {"orders", "delivery"},
    {"delivery", "returns"},
    {"returns", "technical"},
    {"technical", "product questions"},
]
"""Teams that sit in one room and hand messages over within the hour."""


def routed(answer: str, expected: str, *, neighbour: float = 0.5) -> float:
    """1 for the right team, `neighbour` for the one next to it, 0 otherwise."""
    answer = answer.strip().lower()
    if answer == expected:
        return 1.0
    return neighbour if {answer, expected} in NEIGHBOURS else 0.0
