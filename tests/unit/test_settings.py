from pathlib import Path

import pytest

from moshtari.settings import ConfigError, Settings, load_deployment

GOOD = """
name: shop
sources:
  shop:
    kind: postgres
    dsn: ${SHOP_DSN:-postgresql://localhost/shop}
"""


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "moshtari.yml"
    file.write_text(text, encoding="utf-8")
    return file


def test_defaults_are_an_iranian_shops(tmp_path: Path) -> None:
    deployment = load_deployment(write(tmp_path, GOOD))
    assert (deployment.timezone, deployment.base_currency) == ("Asia/Tehran", "IRR")
    assert deployment.weekend == ("friday",)
    assert deployment.sources["shop"]["dsn"] == "postgresql://localhost/shop"


def test_the_environment_fills_placeholders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DSN", "postgresql://one/shop")
    file = write(tmp_path, GOOD)
    assert load_deployment(file).sources["shop"]["dsn"] == "postgresql://one/shop"
    monkeypatch.setenv("SHOP_DSN", "postgresql://two/shop")
    assert load_deployment(file).sources["shop"]["dsn"] == "postgresql://two/shop"


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD)
    assert load_deployment(file).name == "shop"
    file.write_text(GOOD.replace("name: shop", "name: another"), encoding="utf-8")
    assert load_deployment(file).name == "another"


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        (("name: shop\n", "nmae: shop\n"), "name", "missing"),
        (("name: shop\n", "name: shop\nsouces: {}\n"), "souces", "unknown key"),
        (("name: shop\n", "name: shop\ntimezone: Tehran\n"), "timezone", "not a time zone"),
        (("name: shop\n", "name: shop\nbase_currency: rial\n"), "base_currency", "match"),
        (("name: shop\n", "name: shop\nweekend: [jomeh]\n"), "weekend.0", "Input should be"),
        (("kind: postgres", "king: postgres"), "sources", "has no `kind`"),
        (("  shop:", "  My-Shop:"), "sources", "lowercase"),
        ((":-postgresql://localhost/shop", ""), "sources.shop.dsn", "has no SHOP_DSN"),
        (("name: shop\n", "name: [shop\n"), "line 2", "not valid YAML"),
        (("name: shop\n", "name: shop\nfile: elsewhere.yml\n"), "file", "unknown key"),
    ],
)
def test_an_error_names_file_key_and_remedy(
    tmp_path: Path, change: tuple[str, str], key: str, words: str
) -> None:
    file = write(tmp_path, GOOD.replace(*change))
    with pytest.raises(ConfigError) as caught:
        load_deployment(file)
    error = caught.value
    assert str(file) in str(error)
    assert error.key.startswith(key.split(" ")[0])
    assert words in error.problem
    assert error.remedy


def test_a_missing_file_says_how_to_name_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="MOSHTARI_CONFIG"):
        load_deployment(tmp_path / "none.yml")


def test_an_external_server_replaces_the_embedded_one(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url="postgresql://me:secret@db.example:6543/wh")
    assert not settings.embedded
    assert settings.dsn() == {
        "host": "db.example",
        "port": "6543",
        "user": "me",
        "password": "secret",
        "dbname": "wh",
    }
    assert settings.dsn(database="other")["dbname"] == "other"
    assert not (tmp_path / "secrets.json").exists()


def test_secrets_are_made_once_and_only_the_owner_reads_them(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    first = settings.dsn()["password"]
    assert len(first) >= 32
    assert settings.dsn()["password"] == first
    assert settings.dsn(admin=True)["password"] != first
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0


def test_the_environment_wins_over_a_made_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOSHTARI_SECRET_PG_MOSHTARI", "given")
    assert Settings(home=tmp_path).dsn()["password"] == "given"
