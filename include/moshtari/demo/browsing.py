"""What is done on one visit to the site, step by step."""

from __future__ import annotations

from random import Random

from moshtari.demo.almanac import between, pick
from moshtari.demo.catalogue import CATEGORIES, Catalogue, Product
from moshtari.demo.events import Sale, Step
from moshtari.demo.wording import bargain_words


class Browsing:
    """Makes the steps of visits by somebody who likes the categories `favourites`."""

    def __init__(self, catalogue: Catalogue, favourites: tuple[int, ...]) -> None:
        self.catalogue, self.favourites = catalogue, favourites

    def steps(self, rng: Random, intent: str, product: Product) -> list[Step]:
        """One visit about `intent`."""
        if intent == "look":
            steps = self.views(rng, between(rng, 2, 7), 0)
            if rng.random() < 0.4:
                steps.append(self._after(rng, steps, "view", product))
            if rng.random() < 0.06:
                steps.append(self._after(rng, steps, "cart_add", pick(rng, steps).product))
            if rng.random() < 0.08:
                steps.append(self._after(rng, steps, "review_read", pick(rng, steps).product))
            return steps
        if intent == "deal":
            steps = [Step(0, "search", query=bargain_words(rng))] if rng.random() < 0.55 else []
            if rng.random() < 0.7:
                steps.append(Step(20, "view", product, product.category))
            steps += self.views(rng, between(rng, 1, 3), 60)
            if rng.random() < 0.06:
                steps.append(self._after(rng, steps, "cart_add", steps[-1].product))
            return steps
        steps = [Step(0, "view", product, product.category)]
        if intent == "research":
            shelf = self.catalogue.by_category[CATEGORIES.index(product.category)]
            for _ in range(between(rng, 2, 7)):
                kind = pick(rng, ("spec_read", "review_read", "review_read", "compare", "view"))
                steps.append(self._after(rng, steps, kind, pick(rng, shelf)))
            if rng.random() < 0.06:
                steps.append(self._after(rng, steps, "cart_add", product))
            return steps
        # waver: into the cart, perhaps to the till, and away; some only look once more.
        if rng.random() < 0.85:
            steps.append(self._after(rng, steps, "cart_add", product))
            if rng.random() < 0.5:
                steps.append(self._after(rng, steps, "checkout_start", None))
            if rng.random() < 0.2:
                steps.append(self._after(rng, steps, "cart_remove", product))
        else:
            steps.append(self._after(rng, steps, "review_read", product))
        return steps

    def basket(self, rng: Random, sale: Sale, start: int, pace: int) -> list[Step]:
        """Each line of the order is looked at and put into the cart."""
        steps: list[Step] = []
        at = start
        for line in sale.lines[:4]:
            at += between(rng, pace // 2, pace * 2)
            steps.append(Step(at, "view", line.product, line.product.category))
            at += between(rng, pace // 2, pace)
            steps.append(Step(at, "cart_add", line.product, line.product.category))
        return steps

    def views(self, rng: Random, count: int, start: int) -> list[Step]:
        steps: list[Step] = []
        at = start
        for _ in range(max(count, 1)):
            product = self.catalogue.pick(rng, self.favourites)
            kind = "search" if rng.random() < 0.1 else "view"
            if kind == "search":
                steps.append(Step(at, kind, query=product.name.split(" ")[0]))
                at += 12
            steps.append(Step(at, "view", product, product.category))
            at += between(rng, 15, 120)
        return steps

    def _after(self, rng: Random, steps: list[Step], kind: str, product: Product | None) -> Step:
        category = product.category if product is not None else None
        return Step(steps[-1].after + between(rng, 15, 140), kind, product, category)
