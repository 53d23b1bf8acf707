"""Who is who does not depend on the order in which records come, nor on how often they say it."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.identity.reference import Rules, resolve
from tests.unit.identity.worlds import World

RULES = Rules(max_records=4)


@given(seed=st.integers(0, 2**32), nights=st.integers(1, 6))
def test_the_order_of_arrival_does_not_matter(seed: int, nights: int) -> None:
    world, rng = World(1, Random(seed)), Random(seed)
    for night in range(nights):
        world.live_through(night, night)
    records = world.records(nights)
    shuffled = rng.sample(records, len(records)) + records[:2]
    decided = world.corrections(nights)
    wanted = resolve(records, RULES, decided)
    assert resolve(shuffled, RULES, decided[::-1]) == wanted


@given(seed=st.integers(0, 2**32), nights=st.integers(1, 6))
def test_a_separated_pair_is_never_one_person(seed: int, nights: int) -> None:
    world = World(1, Random(seed))
    for night in range(nights):
        world.live_through(night, night)
    decided = world.corrections(nights)
    customers = resolve(world.records(nights), RULES, decided)
    for action, _, left, right in decided:
        if action == "separate" and left in customers:
            assert customers[left] != customers.get(right)


@given(seed=st.integers(0, 2**32))
def test_a_later_record_changes_no_name(seed: int) -> None:
    """A person that stays whole keeps its key, whatever is added to it later."""
    world = World(1, Random(seed))
    for night in range(4):
        world.live_through(night, night)
    records = world.records(4)
    before = resolve(records)
    owner = next(iter(sorted(before)), None)
    if owner is None or not owner.startswith("account:"):
        return
    last = max(record.seen_at for record in records) + timedelta(days=1)
    addition = type(records[0])(last, account=owner, handle="handle:net:new")
    assert resolve([*records, addition])["handle:net:new"] == before[owner]
