"""What lies in a person beside its rhythm: how it shops, where it lives, what else it does.

Traits are drawn from a source of chance of their own, so that a new one changes no life.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from moshtari.demo.names import ABROAD, STANDINGS, Abroad

STYLES = ("plain", "browser", "discount", "researcher", "impulse", "hesitant")
"""How somebody comes to buy, or not to:

- plain: knows what it wants, looks once or twice, buys;
- browser: looks around for pleasure, wanting nothing in particular;
- discount: comes for the offer and buys because of it;
- researcher: compares and reads before it buys;
- impulse: sees, likes, buys;
- hesitant: wants it, and cannot decide.
"""

# By kind of person, in the order of STYLES.
_STYLE_WEIGHTS: dict[str, tuple[int, ...]] = {
    "steady": (46, 12, 3, 22, 4, 13),
    "deal_hunter": (4, 3, 86, 4, 0, 3),
    "one_time": (30, 17, 12, 20, 9, 12),
    "seasonal": (42, 12, 10, 22, 4, 10),
    "drifting": (36, 22, 6, 16, 4, 16),
    "impulsive": (14, 5, 2, 1, 76, 2),
    "company": (62, 2, 4, 28, 0, 4),
    "visitor": (0, 40, 17, 19, 0, 24),
    "passer_by": (0, 48, 20, 16, 0, 16),
}
_SALT = 1 << 48


class Traits(NamedTuple):
    """`salt` seeds what is drawn later; `devices` are the visitor ids of the person's devices.

    `recorded`: an introduction was written down (others are word of mouth that nobody noted);
    `switches`: came by a campaign for customers of other shops; `member`: takes the membership.
    """

    style: str
    salt: int
    devices: tuple[int, ...]
    abroad: Abroad | None
    standing: str | None
    sells: bool
    trades_in: bool
    member: bool
    never_contacted: bool
    recorded: bool
    switches: bool


def draw_traits(rng: Random, kind: str, *, has_account: bool) -> Traits:
    """The traits of a person of this kind."""
    style = rng.choices(STYLES, _STYLE_WEIGHTS[kind])[0]
    salt = rng.randrange(_SALT)
    devices = tuple(rng.getrandbits(60) for _ in range(1 if rng.random() < 0.55 else 2))
    person = kind not in ("company", "passer_by")
    return Traits(
        style=style,
        salt=salt,
        devices=devices,
        abroad=rng.choices(ABROAD, [place.share for place in ABROAD])[0]
        if rng.random() < 0.022 and person
        else None,
        standing=rng.choice(STANDINGS) if rng.random() < 0.3 and person else None,
        sells=rng.random() < 0.025 and person and has_account,
        trades_in=rng.random() < 0.05 and person and has_account,
        member=rng.random() < 0.2 and has_account and kind in ("steady", "impulsive", "drifting"),
        never_contacted=rng.random() < 0.12,
        recorded=rng.random() < 0.75,
        switches=rng.random() < 0.05,
    )
