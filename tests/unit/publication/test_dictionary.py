from moshtari.publication.dictionary import PAGE, page
from moshtari.publication.marts import PUBLISHED
from moshtari.settings import PROJECT_ROOT


def test_the_page_of_published_views_is_up_to_date() -> None:
    assert (PROJECT_ROOT / PAGE).read_text(encoding="utf-8") == page(), "run `make docs`"


def test_every_view_is_told_with_its_grain() -> None:
    for section in page().split("\n## ")[1:]:
        name = section.split("\n", 1)[0]
        if name in {mart.view_name for mart in PUBLISHED}:
            assert "Grain: " in section, name
