"""What the shop sells: products with category, brand, price in Toman, and how often they fail."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from random import Random
from typing import NamedTuple


class Product(NamedTuple):
    """One product; `price` in Toman, `defect` the probability that a buyer finds it faulty."""

    product_id: int
    sku: str
    name: str
    category: str
    brand: str
    price: int
    defect: float


class Range(NamedTuple):
    """A category with its brands and its products as (name, price in thousands of Toman)."""

    category: str
    brands: tuple[str, ...]
    products: tuple[tuple[str, int], ...]


# fmt: off
RANGES: tuple[Range, ...] = (
    Range("لوازم جانبی موبایل", ("ناوک", "پیک‌نور", "رایا"), (
        ("شارژر دیواری", 420), ("کابل شارژ دومتری", 180), ("هندزفری بی‌سیم", 1450),
        ("پاوربانک ده هزار", 980), ("قاب سیلیکونی", 150), ("پایه نگهدارنده خودرو", 260))),
    Range("لوازم خانه و آشپزخانه", ("خانه‌نو", "مطبخ", "گل‌سرخ"), (
        ("قابلمه گرانیتی", 1650), ("کتری برقی", 1240), ("سرویس قاشق و چنگال", 2100),
        ("آسیاب قهوه", 1380), ("چای‌ساز", 2950), ("ست نگهدارنده ادویه", 390))),
    Range("پوشاک", ("نخستین", "ترمه‌پوش", "راه‌راه"), (
        ("پیراهن نخی", 560), ("مانتو تابستانی", 1280), ("شلوار جین", 890),
        ("کفش پیاده‌روی", 1750), ("روسری ابریشمی", 640), ("جوراب نخی شش جفت", 210))),
    Range("کتاب", ("نشر سپیدار", "نشر روزنه‌نو", "نشر کاج"), (
        ("رمان کوچه باران", 195), ("دیوان حافظ مصور", 480), ("آموزش برنامه‌نویسی پایتون", 320),
        ("کتاب کودک خرگوش دانا", 120), ("تاریخ ایران باستان", 390), ("اصول مشتری‌مداری", 260))),
    Range("آرایشی و بهداشتی", ("برگ‌سبز", "نیلو", "آفتابگردان"), (
        ("کرم ضدآفتاب", 340), ("شامپو گیاهی", 185), ("عطر یاس", 1150),
        ("ماسک صورت خاک رس", 160), ("ریش‌تراش", 1580), ("خمیردندان زغالی", 95))),
    Range("خوراک و نوشیدنی", ("دشت‌طلا", "کافه‌چین", "زعفران شرق"), (
        ("قهوه اسپرسو یک کیلو", 890), ("چای سیاه لاهیجان", 310), ("زعفران یک مثقال", 950),
        ("پسته اکبری نیم کیلو", 620), ("آجیل شب یلدا", 780), ("عسل کوهستان", 540))),
    Range("کودک و اسباب‌بازی", ("بادبادک", "فندق", "رنگین"), (
        ("پازل هزار تکه", 290), ("عروسک پولیشی", 350), ("ماشین کنترلی", 1120),
        ("مداد رنگی سی‌وشش رنگ", 230), ("بازی فکری چهاربرگ", 410), ("کالسکه سبک", 4800))),
    Range("ورزش و سفر", ("قله", "پویش", "کوچ"), (
        ("کوله‌پشتی چهل لیتری", 1680), ("زیرانداز یوگا", 420), ("فلاسک یک لیتری", 690),
        ("دمبل روکش‌دار پنج کیلو", 830), ("چادر دونفره", 3200), ("قمقمه ورزشی", 240))),
)
# fmt: on

CATEGORIES: tuple[str, ...] = tuple(entry.category for entry in RANGES)


class Catalogue:
    """The products of the shop, the same for every seed, and the draw of a product."""

    def __init__(self) -> None:
        self.products: list[Product] = []
        self.by_category: list[list[Product]] = []
        for number, entry in enumerate(RANGES):
            shelf: list[Product] = []
            for position, (name, thousands) in enumerate(entry.products):
                for rank, brand in enumerate(entry.brands):
                    product_id = 1001 + len(self.products)
                    price = int(thousands * (1.0, 0.82, 1.27)[rank]) * 1000
                    # The cheap brand disappoints more often; one product in each range is bad.
                    defect = (0.015, 0.035, 0.01)[rank] + (0.06 if position == number % 6 else 0.0)
                    product = Product(
                        product_id,
                        f"PK-{number + 1}{position + 1}{rank + 1}",
                        f"{name} {brand}",
                        entry.category,
                        brand,
                        price,
                        defect,
                    )
                    self.products.append(product)
                    shelf.append(product)
            self.by_category.append(shelf)
        size = len(self.by_category[0])
        self._popularity = list(accumulate(1.0 / (1.0 + 0.25 * rank) for rank in range(size)))

    def pick(self, rng: Random, favourites: tuple[int, ...]) -> Product:
        """One product, mostly from the favourite categories, popular ones more often."""
        if rng.random() < 0.75:
            shelf = self.by_category[favourites[int(rng.random() * len(favourites))]]
        else:
            shelf = self.by_category[int(rng.random() * len(self.by_category))]
        return shelf[bisect_right(self._popularity, rng.random() * self._popularity[-1])]
