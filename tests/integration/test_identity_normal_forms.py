"""Normal forms of what people type: the macros themselves, run by PostgreSQL over many texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
VARIABLES = {"default_calling_code": "98", "email_ignores_dots_and_plus": False}
PROFILE = profile(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

UNSEEN = st.sampled_from(["\u200c", "\u200d", "\u200e", "\u200f", "\u202a", "\ufeff", "\u2066"])
DIGITS = ["0123456789", "۰۱۲۳۴۵۶۷۸۹", "٠١٢٣٤٥٦٧٨٩"]
ANYTHING = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NUMBERISH = st.text(st.sampled_from("0012345678998۰۹٠٩+ -()\u200c"), max_size=18)
HANDLISH = st.text(st.sampled_from("@@::netABz09۵ _\u200f\t"), max_size=12)
MAILISH = st.text(st.sampled_from("abC@@..۱٢+ -\u200c"), max_size=12)
NAMISH = st.text(st.sampled_from("علییيكکةهۀآإأؤو ـَ\u200c.A"), max_size=12)


class _Adapter:
    """dbt's dispatch, for PostgreSQL."""

    macros: Any = None

    def dispatch(self, name: str) -> Any:
        return getattr(self.macros, f"default__{name}")


class _Dbt:
    @staticmethod
    def split_part(text: str, delimiter: str, part: int) -> str:
        return f"split_part({text}, {delimiter}, {part})"


@pytest.fixture(scope="module")
def macros() -> Any:
    """The project's own macros, rendered as dbt renders them."""
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])  # noqa: S701  (SQL, not HTML)
    adapter = _Adapter()
    environment.globals |= {
        "var": VARIABLES.__getitem__, "adapter": adapter, "dbt": _Dbt, "return": lambda it: it,
    }  # fmt: skip
    source = "".join(
        (PROJECT / "macros" / name).read_text(encoding="utf-8")
        for name in ("engine.sql", "normalise.sql")
    )
    adapter.macros = environment.from_string(source).module
    return adapter.macros


def forms(pg: psycopg.Connection, expression: Any, texts: list[str]) -> list[str | None]:
    """The normal form of each text, in one statement."""
    expression = str(expression).replace("%", "%%")
    rows = pg.execute(
        f"select {expression} from (select nullif(t, '') as typed, ordinality,"
        " regexp_replace(translate(t, '۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩', '01234567890123456789'),"
        " '[^0-9+]', '', 'g') as dialled"
        " from unnest(%s::text[]) with ordinality as given (t, ordinality)) as given"
        " order by ordinality",
        [texts],
    ).fetchall()
    return [row[0] for row in rows]


def expressions(macros: Any) -> dict[str, str]:
    return {
        "email": str(macros.normalised_email("typed")),
        "phone": str(macros.international_phone("dialled")),
        "handle": str(macros.normalised_handle("'Net '", "typed")),
        "name": str(macros.normalised_name("typed")),
    }


@PROFILE
@given(
    texts=st.fixed_dictionaries(
        {
            "email": st.lists(MAILISH | ANYTHING, min_size=15, max_size=25),
            "phone": st.lists(NUMBERISH | ANYTHING, min_size=15, max_size=25),
            "handle": st.lists(HANDLISH | ANYTHING, min_size=15, max_size=25),
            "name": st.lists(NAMISH | ANYTHING, min_size=15, max_size=25),
        }
    )
)
def test_a_normal_form_is_its_own_normal_form(
    pg: psycopg.Connection, macros: Any, texts: dict[str, list[str]]
) -> None:
    for kind, expression in expressions(macros).items():
        once = [form for form in forms(pg, expression, texts[kind]) if form is not None]
        assert forms(pg, expression, once) == once, kind


@st.composite
def written(draw: st.DrawFn, text: str) -> str:
    """A text as somebody may have typed it: other digits, unseen marks, spaces at the ends."""
    digits = draw(st.sampled_from(DIGITS))
    text = text.translate(str.maketrans(DIGITS[0], digits))
    at = draw(st.integers(0, len(text)))
    text = text[:at] + draw(st.just("") | UNSEEN) + text[at:]
    return (
        draw(st.sampled_from(["", " ", "\t"])) + text + draw(st.sampled_from(["", " ", "\u00a0"]))
    )


@st.composite
def phones(draw: st.DrawFn) -> tuple[str, list[str]]:
    number = "9" + draw(st.text("0123456789", min_size=9, max_size=9))
    starts = ["0", "+98", "0098", "98", "+980", "00980", ""]
    dashed = f"{number[:3]}-{number[3:6]} ({number[6:]})"
    texts = [draw(written(start + form)) for start in starts for form in (number, dashed)]
    return f"+98{number}", texts


@st.composite
def emails(draw: st.DrawFn) -> tuple[str, list[str]]:
    name = draw(st.text("abcxyz0189._+-", min_size=1, max_size=10))
    form = f"{name}@mail.example"
    return form, [draw(written(form)), draw(written(form.upper())), draw(written(form.title()))]


@st.composite
def handles(draw: st.DrawFn) -> tuple[str, list[str]]:
    name = draw(st.text("abcxyz0189._", min_size=1, max_size=10))
    texts = [name, f"@{name}", f"net:{name}", f"Net:@{name.upper()}", f"NET:{name}"]
    return f"net:{name}", [draw(written(text)) for text in texts]


@st.composite
def names(draw: st.DrawFn) -> tuple[str, list[str]]:
    words = draw(st.lists(st.text("علیکهماو", min_size=1, max_size=5), min_size=1, max_size=3))
    form = "".join(words)
    joints = st.sampled_from([" ", "\u200c", "  ", "", "-"])
    arabic = str.maketrans("یک", "يك")
    stretched = "ـ".join(form)
    return form, [
        draw(written(draw(joints).join(words))),
        draw(written(draw(joints).join(words).translate(arabic))),
        draw(written(stretched)),
    ]


@PROFILE
@given(
    st.fixed_dictionaries(
        {
            "email": st.lists(emails(), min_size=5, max_size=10),
            "phone": st.lists(phones(), min_size=5, max_size=10),
            "handle": st.lists(handles(), min_size=5, max_size=10),
            "name": st.lists(names(), min_size=5, max_size=10),
        }
    )
)
def test_equal_things_have_equal_forms(
    pg: psycopg.Connection, macros: Any, given_: dict[str, list[tuple[str, list[str]]]]
) -> None:
    for kind, expression in expressions(macros).items():
        wanted = [form for form, texts in given_[kind] for _ in texts]
        texts = [text for _, texts in given_[kind] for text in texts]
        assert forms(pg, expression, texts) == wanted, kind


def test_numbers_of_other_countries_and_no_numbers(pg: psycopg.Connection, macros: Any) -> None:
    texts = ["+44 20 7946 0018", "00442079460018", "12345", "", "۰۲۱-۸۸۷۷۶۶۵۵", "+98 0912 123 4567"]
    found = forms(pg, expressions(macros)["phone"], texts)
    assert found == ["+442079460018", "+442079460018", None, None, "+982188776655", "+989121234567"]
