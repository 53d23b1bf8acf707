"""Normalising: examples, and properties of any text whatever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshtari.voice.normal import MAX_CHARACTERS, MAX_GROWTH, normalise


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("كتاب‌هاي خوبي", "کتابهای خوبی"),
        ("می‌خرم می خرم میخرم", "میخرم میخرم میخرم"),
        ("نمي‌كنم نمی کنم", "نمیکنم نمیکنم"),
        ("خیلییییی عااالی", "خیلی عالی"),
        ("ممنون، مدارا", "ممنون , مدارا"),
        ("goooood soooo", "good soo"),
        ("۱۲۳ ٤٥٦ 1000000", "123 456 1000000"),
        ("Don't can’t", "dont cant"),
        ("عالی😍😍😍!!!", "عالی 😍 !"),
        ("👍🏽 ❤️ 👨‍👩‍👧", "👍 ❤ 👨 👩 👧"),
        ("خوب :) بد :((", "خوب ☺ بد ☹"),
        ("https://shop.ir/a?b=1 www.shop.ir @ali a@b.ir", ""),
        ("#بی_کیفیت", "بی کیفیت"),
        ("بی‌کیفیت", "بی کیفیت"),
        ("مُشکِلـــی", "مشکلی"),
        ("آشغال أحمد مسؤول", "اشغال احمد مسوول"),
        ("ﺳﻼﻡ ＡＢＣ", "سلام abc"),
        ("خوب؟ بله.", "خوب ? بله ."),
        ("a\x00b\ud800c", "a b c"),
        ("", ""),
    ],
)
def test_typed_becomes_normal(typed: str, normal: str) -> None:
    assert normalise(typed) == normal


# Characters that meet in the rules more often than by chance.
_LIKELY = st.text(
    alphabet=(
        "می نهاتربکخوبيك\u200c\u200d\u064b\u0640ءۀ\u0000\ud800\udfffﷺﻼ\n"
        "AaİßwWtps'’.?؟!…،:;()@#_/0۱٢😍❤️👍🏽"
    ),
    max_size=60,
)


@given(st.one_of(st.text(alphabet=st.characters(), max_size=200), _LIKELY))
def test_any_text_is_normalised_once_and_for_all(text: str) -> None:
    normal = normalise(text)
    assert normalise(normal) == normal
    assert len(normal) <= MAX_GROWTH * len(text)
    assert normal == " ".join(normal.split())
    normal.encode("utf-8")  # nothing that PostgreSQL could not store
    assert "\x00" not in normal


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=100))
def test_case_and_joiners_do_not_matter(text: str) -> None:
    assert normalise(text.replace("\u200d", "")) == normalise(text)


def test_a_long_text_costs_no_more_than_its_beginning() -> None:
    assert normalise("خوب " * 100_000) == normalise(("خوب " * 100_000)[:MAX_CHARACTERS])
    assert len(normalise("😍" * 100_000)) <= MAX_GROWTH * MAX_CHARACTERS
