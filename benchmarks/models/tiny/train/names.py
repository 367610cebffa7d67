"""Names under which the toy model meets the classes of its texts.

The same nine teams go under many names, so that which one to write must be read off the prompt: without a list of
labels or demonstrations the model can only guess, as large models do.
"""

from __future__ import annotations

import random
import string

TEAMS = (
    "billing",
    "orders",
    "delivery",
    "returns",
    "technical",
    "account",
    "product questions",
    "vouchers",
    "complaints",
)

OWN_NAMES = (
    "payments",
    "purchases",
    "shipping",
    "refunds",
    "support",
    "login",
    "products",
    "coupons",
    "feedback",
)
"""What the model calls the teams when nothing tells it their names."""

OTHER_NAMES = (
    ("invoices", "finance", "accounting", "charges", "Rechnung", "payment"),
    ("order desk", "order changes", "checkout", "sales", "Bestellung", "order"),
    ("logistics", "parcels", "transport", "couriers", "Lieferung", "tracking"),
    ("exchanges", "send back", "return desk", "refund", "Rückgabe", "return"),
    ("repairs", "tech support", "faults", "service desk", "Technik", "help desk"),
    ("profile", "customer data", "access", "membership", "Konto", "user data"),
    ("advice", "product advice", "pre-sales", "catalogue", "information", "Beratung"),
    ("discounts", "gift cards", "promotions", "loyalty", "Gutscheine", "offers"),
    ("grievances", "customer relations", "criticism", "dissatisfied", "Beschwerde"),
)

LANGUAGES = (("English", "German"), ("en", "de"), ("english", "german"), ("Englisch", "Deutsch"))

COARSE: tuple[dict[str, str], ...] = (
    {
        "billing": "money",
        "vouchers": "money",
        "returns": "money",
        "orders": "goods",
        "delivery": "goods",
        "technical": "goods",
        "product questions": "goods",
        "account": "people",
        "complaints": "people",
    },
    {
        "orders": "before",
        "product questions": "before",
        "vouchers": "before",
        "delivery": "after",
        "returns": "after",
        "technical": "after",
        "billing": "after",
        "account": "always",
        "complaints": "always",
    },
)

_ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "tr", "pl", "st")
_VOWELS = ("a", "e", "i", "o", "u")


def invented(count: int, rng: random.Random) -> list[str]:
    """Different names that mean nothing: letters, digits or made-up words."""
    kind = rng.randrange(3)
    if kind == 0:
        return rng.sample(string.ascii_uppercase[: max(12, count)], count)
    if kind == 1:
        return rng.sample([str(number) for number in range(max(10, count + 1))], count)
    names: dict[str, None] = {}
    while len(names) < count:
        names["".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(2))] = None
    return list(names)


def team_names(mixed: bool, rng: random.Random) -> dict[str, str]:
    """Names for all teams. Unless they are `mixed`, they come in whole sets, most often that of the bundled task: what
    the texts mean is learned first. If they are, every team has one of its names whatever the others have, so that
    nothing but the prompt tells them, and where it does not, the model's own are the best guess."""
    kind = rng.random()
    if kind < 0.03:
        return dict(rng.choice(COARSE))
    if kind < 0.1:
        return dict(zip(TEAMS, invented(len(TEAMS), rng), strict=True))
    if not mixed and kind < 0.65:
        return {team: team for team in TEAMS}
    if not mixed and kind < 0.85:
        return dict(zip(TEAMS, OWN_NAMES, strict=True))
    return {team: _one(team, own, others, rng) for team, own, others in zip(TEAMS, OWN_NAMES, OTHER_NAMES, strict=True)}


def _one(team: str, own: str, others: tuple[str, ...], rng: random.Random) -> str:
    kind = rng.random()
    return team if kind < 0.33 else own if kind < 0.75 else rng.choice(others)
