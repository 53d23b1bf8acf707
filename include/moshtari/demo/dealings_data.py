"""The rows of memberships, surveys, the shop's own contacts, its spending, and of erasures."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from moshtari.demo import texts
from moshtari.demo.almanac import DAY, HOUR, Almanac
from moshtari.demo.events import Contact, Life, Membership, Review, Survey
from moshtari.demo.names import with_arabic_letters, write_phone
from moshtari.demo.people import Person
from moshtari.demo.plan import Plan
from moshtari.demo.shop import Accounts
from moshtari.demo.stage import Stage, field

_FIRST_MEMBERSHIP_ID = 60_001
_FIRST_SURVEY_ID = 800_001
_FIRST_REVIEW_ID = 400_001
_FIRST_CONTACT_ID = 90_001
_FIRST_ERASURE_ID = 301
# Thousands of Toman for each customer of an average day: what winning and keeping costs.
_SPENDING = (
    ("google_ads", "acquisition", 210),
    ("instagram_ads", "acquisition", 150),
    ("influencer", "acquisition", 90),
    ("sms", "retention", 60),
    ("email", "retention", 15),
    ("call", "retention", 45),
)


def number_surveys(lives: Sequence[Life]) -> list[tuple[int, Survey]]:
    """Every survey with its number, in the order they were asked."""
    surveys = sorted(
        (
            (survey.asked, survey.sale.person, survey.sale.placed, survey)
            for life in lives
            for survey in life.surveys
        ),
        key=lambda entry: entry[:3],
    )
    return [(_FIRST_SURVEY_ID + rank, entry[3]) for rank, entry in enumerate(surveys)]


def put_surveys(
    stage: Stage,
    almanac: Almanac,
    surveys: Sequence[tuple[int, Survey]],
    sales: dict[int, int],
    accounts: Accounts,
) -> None:
    """Each survey as it is sent, and once more when it is answered."""
    for number, survey in surveys:
        if survey.asked // DAY > stage.last:
            continue
        sale = survey.sale
        account = None if sale.account is None else accounts.ids[sale.person, sale.account]
        asked = almanac.text(survey.asked)
        head = f"{number}\t{field(account)}\t{sales[id(sale)]}\t{survey.channel}\t{asked}\t"
        days = [survey.asked // DAY]
        lines = [f"{head}\\N\t\\N\t{survey.scale}\t\\N\t\\N\t{asked}"]
        if survey.answered is not None:
            answered = almanac.text(survey.answered)
            noted = survey.names_competitor
            days.append(survey.answered // DAY)
            lines.append(
                f"{head}{answered}\t{field(survey.score)}\t{survey.scale}\t{field(survey.comment)}"
                f"\t{field(None if noted is None else 't' if noted else 'f')}\t{answered}"
            )
        stage.put_versions("shop.surveys", days, lines.__getitem__)


def number_reviews(lives: Sequence[Life]) -> list[tuple[int, Review]]:
    """Every review with its number, in the order they were written; answers have odd numbers."""
    reviews = sorted(
        (
            (review.at, review.sale.person, review.sale.placed, review)
            for life in lives
            for review in life.reviews
        ),
        key=lambda entry: entry[:3],
    )
    return [(_FIRST_REVIEW_ID + 2 * rank - 1, entry[3]) for rank, entry in enumerate(reviews)]


def put_reviews(
    stage: Stage,
    almanac: Almanac,
    people: Sequence[Person],
    reviews: Sequence[tuple[int, Review]],
    accounts: Accounts,
) -> None:
    """Reviews with stars, and what the shop answers to some."""
    for number, review in reviews:
        if review.at // DAY > stage.last:
            break
        sale = review.sale
        person = people[sale.person]
        body = with_arabic_letters(review.body) if person.arabic_keyboard else review.body
        assert sale.account is not None
        account, product = accounts.ids[sale.person, sale.account], review.product.product_id
        language = "en" if body.isascii() else "fa"
        stage.put(
            "shop.reviews",
            review.at // DAY,
            f"{number}\t{account}\t{product}\t\\N\t{review.stars}\t{field(body)}\t{language}"
            f"\t{almanac.text(review.at)}",
        )
        if review.answered is not None:
            bank = texts.BRAND_THANKS if review.stars > 3 else texts.BRAND_REPLIES
            answer = bank[number // 2 % len(bank)].replace(" {tag}", "")
            stage.put(
                "shop.reviews",
                review.answered // DAY,
                f"{number + 1}\t\\N\t{product}\t{number}\t\\N\t{answer}\tfa"
                f"\t{almanac.text(review.answered)}",
            )


def put_memberships(
    stage: Stage, almanac: Almanac, lives: Sequence[Life], accounts: Accounts
) -> None:
    """Each membership as it begins, when its renewal is switched, and when it ends."""
    found: list[tuple[int, int, Membership]] = sorted(
        (membership.started, index, membership)
        for index, life in enumerate(lives)
        for membership in life.memberships
    )
    for rank, (started, index, membership) in enumerate(found):
        moments = [started, *membership.switches]
        if membership.ended is not None:
            moments.append(membership.ended)
        if started // DAY > stage.last:
            continue
        head = f"{_FIRST_MEMBERSHIP_ID + rank}\t{accounts.ids[index, 0]}\tplus"
        head += f"\t{almanac.text(started)}\t"

        def line(
            version: int,
            head: str = head,
            moments: list[int] = moments,
            membership: Membership = membership,
        ) -> str:
            switched = min(version, len(membership.switches))
            changed = almanac.text(moments[switched]) if switched else None
            ended = almanac.text(moments[version]) if version > switched else None
            renews = "f" if switched % 2 else "t"
            updated = almanac.text(moments[version])
            return f"{head}{renews}\t{field(changed)}\t{field(ended)}\t{updated}"

        stage.put_versions("shop.memberships", [at // DAY for at in moments], line)


def put_contacts(stage: Stage, almanac: Almanac, lives: Sequence[Life], accounts: Accounts) -> None:
    """Each contact as it is sent, and its outcome when it is known."""
    found: list[tuple[int, int, int, Contact]] = sorted(
        (
            (contact.sent, index, ordinal, contact)
            for index, life in enumerate(lives)
            for ordinal, contact in enumerate(life.contacts)
            if life.erased is None or contact.sent < life.erased
        ),
        key=lambda entry: entry[:3],
    )
    for rank, (sent, index, _, contact) in enumerate(found):
        if sent // DAY > stage.last:
            break
        account = accounts.ids[index, 0]
        head = f"{_FIRST_CONTACT_ID + rank}\t{account}\t{contact.channel}"
        head += f"\t{field(contact.list_name)}\t{almanac.text(sent)}\t"
        lines = (
            f"{head}\\N\t{almanac.text(sent)}",
            f"{head}{contact.outcome}\t{almanac.text(contact.answered)}",
        )
        days = [sent // DAY, contact.answered // DAY]
        stage.put_versions("shop.outreach_contacts", days, lines.__getitem__)


def put_spending(stage: Stage, almanac: Almanac, plan: Plan) -> None:
    """What each channel cost on each day, booked the next morning; one in thirty is corrected."""
    rng = Random(f"{plan.seed}:spending")
    size = max(plan.per_day, 0.1)
    for day in range(plan.horizon + 1):
        prices = 1.02 ** (day / 30.4)
        sale = 2.2 if almanac.sale[day] else 1.0
        for channel, purpose, thousands in _SPENDING:
            busy = sale if purpose == "retention" else almanac.season[day]
            amount = round(thousands * size * prices * busy * rng.uniform(0.7, 1.3)) * 1000
            booked = (day + 1) * DAY + 10 * HOUR
            corrected = booked + 3 * DAY + HOUR
            right = round(amount * rng.uniform(0.8, 1.2) / 1000) * 1000
            head = f"{almanac.day_text(day)}\t{channel}\t{purpose}\t"
            days, lines = [day + 1], [f"{head}{amount}\tIRT\t{almanac.text(booked)}"]
            if rng.random() < 0.03:
                days.append(day + 4)
                lines.append(f"{head}{right}\tIRT\t{almanac.text(corrected)}")
            stage.put_versions("shop.marketing_costs", days, lines.__getitem__)


def put_erasures(
    stage: Stage,
    almanac: Almanac,
    people: Sequence[Person],
    lives: Sequence[Life],
    accounts: Accounts,
) -> None:
    """Requests to be erased, by account, e-mail or phone: whatever the person names."""
    found = sorted(
        (life.erased, index) for index, life in enumerate(lives) if life.erased is not None
    )
    for rank, (at, index) in enumerate(found):
        if at // DAY > stage.last:
            break
        person = people[index]
        account = accounts.ids.get((index, 0))
        email = person.email if (account is None or index % 4 == 0) else None
        phone = write_phone(person.phone, index) if email is None and account is None else None
        named = account if email is None and phone is None else None
        stage.put(
            "shop.erasure_requests",
            at // DAY,
            f"{_FIRST_ERASURE_ID + rank}\t{field(named)}\t{field(email)}\t{field(phone)}"
            f"\t{almanac.text(at)}",
        )
