"""The social network's rows: accounts, and statuses as HTML under ids that grow with time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape as escape_html
from random import Random

from moshtari.demo import wording
from moshtari.demo.almanac import DAY, Almanac
from moshtari.demo.events import Post
from moshtari.demo.names import FEMALE, MALE, SURNAMES, with_arabic_letters
from moshtari.demo.people import Person
from moshtari.demo.plan import Plan
from moshtari.demo.stage import Stage, field
from moshtari.demo.voices import BRAND_HANDLE, HASHTAG

FIRST_ACCOUNT_ID = 110_000_001
_SITE = "https://social.pishkhan.example"
_TAG = (
    f'<a href="{_SITE}/tags/{HASHTAG}" class="mention hashtag" rel="tag">'
    f"#<span>{HASHTAG}</span></a>"
)
_STRANGERS_PER_DAY = 0.0002


def strangers(plan: Plan, almanac: Almanac) -> Iterator[Post]:
    """Posts about the shop by people it never meets, in step with the size of the shop."""
    rng = Random(f"{plan.seed}:strangers")
    share = _STRANGERS_PER_DAY * (plan.founders + 365 * plan.per_day)
    moods = (
        ("news", ""),
        ("news", ""),
        ("question", ""),
        ("positive", ""),
        ("negative", "late"),
        ("negative", "switch"),
    )
    for day in range(plan.horizon + 1):
        for _ in range(1 + int(share)):
            if rng.random() >= share / (1 + int(share)):
                continue
            at = almanac.shopping_time(day, rng, office=False, night=False)
            latin = rng.choice((*FEMALE, *MALE))[1]
            handle = f"{latin}_{rng.choice(SURNAMES)[1]}{rng.randint(1300, 1390)}@fedi.example"
            mood, cause = rng.choice(moods)
            said = wording.post(rng, mood, cause, "کتری برقی", english=False)
            likes, boosts = rng.randrange(8), rng.randrange(3)
            yield Post(None, handle, at, said.body, False, likes, boosts, said.truth)


def number_posts(posts: Sequence[Post], almanac: Almanac) -> list[tuple[int, Post]]:
    """Every post with its id: milliseconds since 1970, shifted by 16 bits, as Mastodon counts."""
    numbered: list[tuple[int, Post]] = []
    last = 0
    for post in sorted(posts, key=lambda post: (post.at, post.handle, post.text)):
        salt = (post.at * 40_503 + len(post.text) * 613) & 0xFFFF
        number = max((almanac.milliseconds(post.at) + salt % 1000 << 16) | salt, last + 1)
        last = number
        numbered.append((number, post))
    return numbered


def put_social(
    stage: Stage,
    almanac: Almanac,
    people: Sequence[Person],
    posts: Sequence[tuple[int, Post]],
) -> None:
    """Accounts at their first post, and the statuses with their edits and deletions."""
    known: dict[str, int] = {}
    ids = {id(post): number for number, post in posts}
    for number, post in posts:
        if post.handle not in known:
            known[post.handle] = FIRST_ACCOUNT_ID + len(known)
            name = "پیشخوان" if post.handle == BRAND_HANDLE else post.handle.split("_")[0]
            if post.person is not None:
                name = people[post.person].full_name
            username = post.handle.split("@")[0]
            stage.put(
                "social.accounts",
                post.at // DAY,
                f"{known[post.handle]}\t{username}\t{post.handle}\t{name}",
            )
        _put_status(
            stage,
            almanac,
            people,
            post,
            number,
            known[post.handle],
            ids[id(post.reply_to)] if post.reply_to is not None else None,
        )


def _put_status(
    stage: Stage,
    almanac: Almanac,
    people: Sequence[Person],
    post: Post,
    number: int,
    account_id: int,
    reply_to: int | None,
) -> None:
    arabic = post.person is not None and people[post.person].arabic_keyboard
    username = post.handle.split("@")[0]
    head = f"{number}\t{account_id}\t{almanac.text(post.at)}\t"
    middle = (
        f"\t{'en' if post.english else 'fa'}\t{field(reply_to)}\t{post.likes}\t{post.boosts}"
        f"\t{{{HASHTAG}}}\t{_SITE}/@{username}/{number}\t"
    )
    moments = [post.at] + [at for at in (post.edited, post.deleted) if at is not None]

    def line(version: int) -> str:
        at = moments[version]
        edited = post.edited if post.edited is not None and post.edited <= at else None
        text = post.edited_text if edited is not None and post.edited_text else post.text
        deleted = post.deleted is not None and post.deleted <= at
        return (
            f"{head}{field(almanac.text(edited) if edited is not None else None)}"
            f"\t{field(_html(with_arabic_letters(text) if arabic else text))}{middle}"
            f"{'t' if deleted else 'f'}"
        )

    stage.put_versions("social.statuses", [at // DAY for at in moments], line)


def _html(text: str) -> str:
    return f"<p>{escape_html(text, quote=False).replace('{tag}', _TAG)}</p>"
