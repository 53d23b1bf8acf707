"""Texts classified a second on one core, by the lexicon and by a fitted model; where time goes.

Run with `uv run python benchmarks/text_classification.py [texts] [rated.tsv]`. Makes texts of 5 to
60 words in both languages, of which every one differs, and then

- classifies them in this process alone (the rate of the hot path, and its profile),
- lands them in an embedded server and runs `classify_texts` on them: read, classify, COPY; then a
  night on which one in a hundred is new, and a night with nothing new.

With a file of rated texts (a line each: rating from -1 or below to 1 or above, a tab, the text) it
also fits the model on them and prints its figures on the held-out fifth beside the lexicon's. The
made texts carry no truth, so nothing about quality is said without such a file.
"""

from __future__ import annotations

import cProfile
import pstats
import random
import resource
import shutil
import socket
import sys
import tempfile
import zlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from time import perf_counter, process_time

from moshtari.settings import Deployment, Settings
from moshtari.voice.classify import Classifier
from moshtari.voice.fitting import fit
from moshtari.voice.lexicon import read
from moshtari.voice.nightly import classify_texts
from moshtari.voice.rated import RatedText
from moshtari.voice.rules import load_rules
from moshtari.warehouse.connection import connect
from moshtari.warehouse.migrate import embedded_server, migrate, prepare_embedded

DAY = date(2026, 3, 18)
DEPLOYMENT = Deployment(name="benchmark", sources={"desk": {"kind": "files"}})
PERSIAN = [
    "سلام وقت بخیر", "سفارش من با شماره {n}", "هنوز به دستم نرسیده است", "کیفیتش واقعاً عالی بود",
    "خیلی دیر رسید", "لطفاً پیگیری کنید", "بسته‌بندی مناسب نبود", "قیمتش نسبت به بازار گرون‌تره",
    "پشتیبانی پاسخگو نیست", "رنگش با عکس فرق داشت", "از خریدم راضی‌ام", "ولی سایزش کوچک بود",
    "کی دوباره موجود می‌شود؟", "کاش تنوع بیشتری داشتید", "پول {n} تومان به حسابم برنگشته",
    "دستتون درد نکنه", "برای مادرم خریده بودم", "اپلیکیشن هنگ می‌کنه",
    "می‌خواستم بدانم گارانتی دارد",
    "دفعه بعد حتماً از شما می‌خرم", "طبقه {n} تحویل گرفتم", "هیچ مشکلی نداشت",
    "بعد از {n} روز خراب شد",
    "با کارت بانکی پرداخت کردم", "آدرس جدید را ثبت کردم", "یک هفته معطل شدم", "😍",
    "خیلییییی ممنون",
]  # fmt: skip
ENGLISH = [
    "hello there", "my order number is {n}", "it has not arrived yet", "the quality is great",
    "delivery was late", "please check", "the box was damaged", "a bit too expensive",
    "nobody answers the phone", "I am very happy with it", "but the size is wrong",
    "how long does shipping take?", "it would be nice to have more colours", "thanks a lot",
    "bought it for my mother {n} weeks ago", "the app keeps crashing", "no problems at all",
]  # fmt: skip


def made_texts(number: int, seed: int = 1) -> Iterator[tuple[str, str]]:
    """Subject and body of that many texts, each unlike the others."""
    rng = random.Random(seed)
    for place in range(number):
        bank = PERSIAN if rng.random() < 0.8 else ENGLISH
        parts = rng.sample(bank, rng.randint(2, 12))
        parts.append(f"{place}")
        text = "، ".join(part.replace("{n}", str(rng.randrange(10**5))) for part in parts)
        yield parts[0], text


def hot_path(classifier: Classifier, texts: list[tuple[str, str]]) -> float:
    """Texts a second of processor time."""
    began = process_time()
    for subject, body in texts:
        classifier.classify(subject, body)
    return len(texts) / (process_time() - began)


def profile(classifier: Classifier, texts: list[tuple[str, str]]) -> None:
    profiler = cProfile.Profile()
    profiler.enable()
    hot_path(classifier, texts)
    profiler.disable()
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(12)


def land(settings: Settings, load_id: int, texts: list[tuple[str, str]]) -> None:
    """The texts as tickets of one load."""
    with connect(settings, admin=True) as admin:
        admin.execute(
            "insert into ops.loads (load_id, source, entity, family, business_date, status)"
            " overriding system value values (%s, 'desk', 'tickets', 'tickets', %s, 'landed')",
            [load_id, DAY],
        )
        copy_sql = (
            "copy raw.tickets (ticket_id, subject, body, created_at, updated_at, channel, status,"
            " tags, _source, _key, _load_id, _known_from) from stdin"
        )
        with admin.cursor().copy(copy_sql) as copy:
            for place, (subject, body) in enumerate(texts):
                key = f"{load_id}-{place}"
                copy.write_row(
                    (key, subject, body, DAY, DAY, "web", "open", "{}", "desk", key, load_id, DAY)
                )
        admin.commit()
        admin.execute("analyze raw.tickets")


def nights(texts: list[tuple[str, str]]) -> None:
    """The same through the warehouse."""
    home = Path(tempfile.mkdtemp(prefix="moshtari-benchmark-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = Settings(home=home, pg_port=port, pg_database="benchmark")
    few = list(made_texts(len(texts) // 100, seed=2))
    try:
        prepare_embedded(settings)
        migrate(settings)
        for title, load_id, batch in [
            ("first night", 1, texts),
            ("1% new", 2, few),
            ("none", 3, []),
        ]:
            land(settings, load_id, batch)
            began = perf_counter()
            counts = classify_texts(settings, DEPLOYMENT, DAY)
            seconds = perf_counter() - began
            print(f"{title:>12}: {counts['classified']} classified in {seconds:.2f} s")
    finally:
        embedded_server(settings).stop()
        shutil.rmtree(home, ignore_errors=True)


def rated_texts(file: Path, classifier_rules) -> list[RatedText]:  # type: ignore[no-untyped-def]
    """The file's clearly rated texts, in an order of their own that has nothing to do with them."""
    found = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        rating, _, text = line.partition("\t")
        if abs(float(rating)) >= 1 and text.strip():
            tokens, feeling = read(classifier_rules, text)
            rated = RatedText(tokens, feeling.score, float(rating) > 0)
            found.append((zlib.crc32(text.encode()), rated))
    return [rated for _, rated in sorted(found, key=lambda entry: entry[0])]


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rules = load_rules(Settings(), DEPLOYMENT)
    texts = list(made_texts(number))
    words = sum(len(body.split()) for _, body in texts) / number
    print(f"{number} texts, {words:.0f} words each on average")
    lexicon = Classifier(rules)
    print(f"lexicon: {hot_path(lexicon, texts):,.0f} texts a second")
    # A model of the size that six thousand reviews give: its features are these texts' own.
    sample = [
        RatedText(read(rules, body)[0], 0.0, zlib.crc32(body.encode()) % 2 == 0)
        for _, body in made_texts(2_000, seed=3)
    ]
    fitted = fit(sample)
    if fitted is not None:
        with_model = Classifier(rules, fitted.model)
        rate = hot_path(with_model, texts)
        print(f"model:   {rate:,.0f} texts a second ({len(fitted.model.features):,} features)")
        profile(with_model, texts[:5_000])
    nights(texts)
    if len(sys.argv) > 2:
        rated = rated_texts(Path(sys.argv[2]), rules)
        measured = fit(rated)
        if measured is not None:
            print(f"{len(rated)} rated texts, {sum(measured.held_out)} held out (bad, good: "
                  f"{measured.held_out})")  # fmt: skip
            for name, figures in (("model", measured.figures), ("lexicon", measured.lexicon)):
                print(f"{name:>8}: accuracy {figures.accuracy:.3f}, macro F1 {figures.macro_f1:.3f}"
                      f", {figures.confusion}")  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process: {peak:.0f} MB")


if __name__ == "__main__":
    main()
