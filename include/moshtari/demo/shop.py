"""The shop's rows: products and accounts."""

from __future__ import annotations

from collections.abc import Sequence

from moshtari.demo.almanac import DAY, HOUR, Almanac
from moshtari.demo.catalogue import Catalogue
from moshtari.demo.events import Life
from moshtari.demo.names import with_arabic_letters, write_phone
from moshtari.demo.people import Person
from moshtari.demo.stage import Stage, field

FIRST_ACCOUNT_ID = 10_001
_LATE_FROM = 18 * HOUR + 600


class Accounts:
    """The ids of the shop's accounts: person and position (0, 1) to id, in order of creation."""

    def __init__(self, people: Sequence[Person], lives: Sequence[Life]) -> None:
        created: list[tuple[int, int, int]] = []
        for person, life in zip(people, lives, strict=True):
            if person.has_account:
                created.append((person.arrived, person.index, 0))
                second = person.second_account_at
                if second is not None and (life.erased is None or second < life.erased):
                    created.append((second, person.index, 1))
        self.created = sorted(created)
        self.ids = {
            (index, position): FIRST_ACCOUNT_ID + rank
            for rank, (_, index, position) in enumerate(self.created)
        }


def put_products(stage: Stage, almanac: Almanac, catalogue: Catalogue) -> None:
    """Every product, there from the first day on."""
    for product in catalogue.products:
        line = (
            f"{product.product_id}\t{product.sku}\t{product.name}\t{product.category}"
            f"\t{product.brand}\t{product.price}\t{almanac.text(0)}"
        )
        stage.put("shop.products", 0, line)


def put_accounts(
    stage: Stage,
    almanac: Almanac,
    people: Sequence[Person],
    lives: Sequence[Life],
    accounts: Accounts,
) -> None:
    """Every account with its changes: consents, address, the way the phone is written, erasure."""
    for created, index, position in accounts.created:
        person, life = people[index], lives[index]
        changes = [(created, "created")]
        changes += [change for change in person.changes if change[0] > created]
        if life.erased is not None:
            erased = max(life.erased, created + HOUR)
            changes = [change for change in changes if change[0] < erased] + [(erased, "erased")]
        days: list[int] = []
        for at, what in changes:
            # Some changes made in the evening are committed after midnight.
            late = what not in ("created", "erased") and at % DAY >= _LATE_FROM and at % 11 == 0
            days.append(max(at // DAY + late, days[-1] if days else 0))
        account_id = accounts.ids[index, position]
        introducer = None
        if person.introduced_by is not None and person.traits.recorded:
            introducer = accounts.ids.get((person.introduced_by, 0))

        def line(
            version: int,
            person: Person = person,
            position: int = position,
            changes: list[tuple[int, str]] = changes,
            account_id: int = account_id,
            introducer: int | None = introducer,
        ) -> str:
            row = _account(person, position, changes[: version + 1], introducer, almanac)
            return f"{account_id}\t{row}"

        stage.put_versions("shop.accounts", days, line)


def _account(
    person: Person,
    position: int,
    changes: Sequence[tuple[int, str]],
    introducer: int | None,
    almanac: Almanac,
) -> str:
    """The columns after the id, as they are after `changes`."""
    created, updated = changes[0][0], changes[-1][0]
    done = {what: at for at, what in changes}
    sms, email_consent = person.consents
    sms_at = email_at = created
    if "sms_off" in done:
        sms, sms_at = False, done["sms_off"]
    if "email_off" in done and email_consent is not None:
        email_consent, email_at = False, done["email_off"]
    if "email_on" in done and email_consent is not None and done["email_on"] >= email_at:
        email_consent, email_at = True, done["email_on"]
    erased = done.get("erased")
    form = person.phone_form + position + (3 if "phone_form" in done else 0)
    # The second account was opened because the first one's e-mail was forgotten.
    email = person.email if position == 0 or person.index % 2 else None
    handle = person.handle if person.handle_recorded and position == 0 else None
    if handle is not None and person.index % 3 == 0:
        handle = f"@{handle}"
    name = with_arabic_letters(person.full_name) if person.arabic_keyboard else person.full_name
    address = f"{person.address}، واحد {updated % 9 + 1}" if "address" in done else person.address
    if erased is not None:
        values: list[str | int | None] = [
            "کاربر حذف‌شده",
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
        ]
        sms, sms_at, email_consent, email_at = False, erased, False, erased
    else:
        values = [
            name,
            person.firm,
            email,
            write_phone(person.phone, form),
            handle,
            person.city.province,
            person.city.name,
            person.traits.abroad.country if person.traits.abroad else "IR",
            address,
            person.birth_date.isoformat() if person.birth_date else None,
            person.gender,
            person.job,
            person.traits.standing,
        ]
    values += [
        "t" if person.is_staff else "f",
        introducer,
        _flag(sms),
        almanac.text(sms_at) if sms is not None else None,
        _flag(email_consent),
        almanac.text(email_at) if email_consent is not None else None,
        almanac.text(created),
        almanac.text(updated),
        almanac.text(erased) if erased is not None else None,
    ]
    return "\t".join(["company" if person.firm else "person", *map(field, values)])


def _flag(value: bool | None) -> str | None:
    return None if value is None else "t" if value else "f"
