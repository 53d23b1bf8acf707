"""Files on S3 (moto's server) and behind SFTP (paramiko's server): found, fetched whole, let go."""

from __future__ import annotations

import gzip
import hashlib
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import s3fs
from pydantic import ValidationError
from tests.by_row import by_row
from tests.file_servers import (
    HOST,
    PASSWORD,
    USER,
    Line,
    know,
    line_to,
    s3_options,
    s3_server,
    sftp_server,
)

from moshtari.sources import files_remote_errors
from moshtari.sources.base import SourceContext, SourceError, TextRows, Window
from moshtari.sources.files import FilesSource
from moshtari.sources.files_config import FilesConfig
from moshtari.sources.files_places import PlaceError
from moshtari.sources.files_remote import RemotePlace
from moshtari.sources.files_sftp import SFTP

TEHRAN = ZoneInfo("Asia/Tehran")
WINDOW = Window(date(2026, 3, 20), None, datetime(2026, 3, 20, 20, 30, tzinfo=UTC), TEHRAN)
ENTITY = "subscriptions"


@pytest.fixture(autouse=True)
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where copies are made: a folder that holds nothing but DuckDB's empty one afterwards."""
    folder = tmp_path / "copies"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert [path for path in folder.rglob("*") if path.is_file()] == []


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def s3(endpoint: str) -> s3fs.S3FileSystem:
    """The store, with one bucket `shop`."""
    httpx.post(f"{endpoint}/moto-api/reset")
    system = s3fs.S3FileSystem(skip_instance_cache=True, **s3_options(endpoint))
    system.mkdir("shop")
    return system


def source(path: str, options: dict[str, Any], **more: Any) -> FilesSource:
    config = FilesConfig.model_validate(
        {
            "kind": "files",
            "path": path,
            "storage_options": options,
            "columns": {"a": "text"},
            "entities": {
                ENTITY: {
                    "columns": {
                        "subscription_id": "a",
                        "customer_id": "file",
                        "started_at": "timestamptz '2026-01-01 00:00:00+00'",
                        "renews_automatically": True,
                    }
                }
            },
            **more,
        }
    )
    return FilesSource("shop", config, SourceContext(TEHRAN, "IRR", Path()))


def read(shop: FilesSource) -> list[str | None]:
    batches = list(by_row(shop.read(ENTITY, WINDOW)))
    shop.close()
    return [row[0] for b in batches if isinstance(b, TextRows) for row in b.rows]


def fails(shop: FilesSource) -> SourceError:
    """What a reading is told; it names neither login nor password."""
    with pytest.raises(SourceError) as caught:
        read(shop)
    for secret in (USER, PASSWORD):
        assert secret not in str(caught.value)
    assert caught.value.remedy
    last = shop.check()[-1]
    assert not last.ok
    assert PASSWORD not in last.detail + last.remedy
    shop.close()
    return caught.value


def put(s3: s3fs.S3FileSystem, key: str, *values: str, packed: bool = False) -> bytes:
    content = "".join(f"{value}\n" for value in ("a", *values)).encode()
    content = gzip.compress(content) if packed else content
    s3.pipe_file(f"shop/{key}", content)
    return content


def test_patterns_folders_and_single_objects(s3: s3fs.S3FileSystem, endpoint: str) -> None:
    put(s3, "in/b.csv.gz", "2", "3", packed=True)
    put(s3, "in/a.csv.gz", "1", packed=True)
    put(s3, "in/c.csv.gz.part", "no")
    put(s3, "in/deep/d.csv.gz", "4", packed=True)
    options = s3_options(endpoint)
    for path, paths, rows in (
        ("s3://shop/in/*.csv.gz", ["in/a.csv.gz", "in/b.csv.gz"], ["1", "2", "3"]),
        ("s3://shop/in", ["in/a.csv.gz", "in/b.csv.gz"], ["1", "2", "3"]),
        ("s3://shop/in/", ["in/a.csv.gz", "in/b.csv.gz"], ["1", "2", "3"]),
        ("s3://shop/in/a.csv.gz", ["in/a.csv.gz"], ["1"]),
        (
            "s3://shop/**/*.gz",
            ["in/a.csv.gz", "in/b.csv.gz", "in/deep/d.csv.gz"],
            ["1", "2", "3", "4"],
        ),
    ):
        shop = source(path, options)
        found = [origin.path for origin in shop.origins(ENTITY, WINDOW)]
        assert found == [f"s3://shop/{name}" for name in paths]
        assert [(r.name.partition(" ")[0], r.ok) for r in shop.check()] == [
            ("mapping", True),
            ("files", True),
            ("columns", True),
        ]
        assert read(shop) == rows


def test_an_object_is_known_by_its_etag_and_size(s3: s3fs.S3FileSystem, endpoint: str) -> None:
    content = put(s3, "a.csv", "1")
    shop = source("s3://shop/a.csv", s3_options(endpoint))
    [before] = shop.origins(ENTITY, WINDOW)
    assert before.size == len(content)
    assert before.checksum.startswith("etag ")
    assert shop.origins(ENTITY, WINDOW) == [before]
    assert shop.details(ENTITY, before)["sha256"] == hashlib.sha256(content).hexdigest()
    put(s3, "a.csv", "2")
    [after] = shop.origins(ENTITY, WINDOW)
    assert (after.path, after.size) == (before.path, before.size)
    assert after.checksum != before.checksum
    assert read(shop) == ["2"]


def test_several_parts(s3: s3fs.S3FileSystem, endpoint: str) -> None:
    """A multipart upload of some 12 MB, whose ETag is no checksum of it."""
    values = [f"{n:07d}-{n * 7919 % 104729:06d}" for n in range(800_000)]
    content = "\n".join(["a", *values, ""]).encode()
    with s3.open("shop/large.csv", "wb", block_size=5 << 20) as file:
        file.write(content)
    shop = source("s3://shop/large.csv", s3_options(endpoint))
    [origin] = shop.origins(ENTITY, WINDOW)
    assert "-" in origin.checksum
    assert read(shop) == values


def test_an_object_that_changes_while_it_is_read(
    s3: s3fs.S3FileSystem, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, "a.csv", "1")
    shop = source("s3://shop/a.csv", s3_options(endpoint))
    stream = RemotePlace._stream

    values = iter("abcdefgh")

    def changing(place: RemotePlace, path: str, info: Any, take: Any) -> Any:
        found = stream(place, path, info, take)
        put(s3, "a.csv", next(values))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(RemotePlace, "_stream", changing)
        assert "s3://shop/a.csv has changed while it was being read" in str(fails(shop))
    put(s3, "a.csv", "3")
    [origin] = shop.origins(ENTITY, WINDOW)
    put(s3, "a.csv", "4")
    with pytest.raises(SourceError, match="has changed while"):
        list(by_row(shop.read_origin(ENTITY, origin, WINDOW)))
    s3.rm("shop/a.csv")
    with pytest.raises(SourceError, match=r"there is no file, folder or bucket s3://shop/a\.csv"):
        list(by_row(shop.read_origin(ENTITY, origin, WINDOW)))
    shop.close()


def test_an_object_that_changes_between_two_blocks(
    s3: s3fs.S3FileSystem, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moshtari.sources import files_remote

    put(s3, "a.csv", *(str(n) for n in range(200_000)))
    monkeypatch.setattr(files_remote, "_BLOCK", 100_000)
    place = RemotePlace("s3://shop/a.csv", s3_options(endpoint))
    [path] = place.paths()
    pieces: list[int] = []

    def take(piece: bytes) -> None:
        if not pieces:
            put(s3, "a.csv", *(str(n) for n in range(200_000, 400_000)))
        pieces.append(len(piece))

    with pytest.raises(files_remote.PlaceError, match="has changed while it was being read"):
        place._stream(path, place._info(path), take)
    place.close()


def test_what_is_not_there(s3: s3fs.S3FileSystem, endpoint: str) -> None:
    options = s3_options(endpoint)
    put(s3, "in/a.csv", "1")
    for path in ("s3://nobody/in/*.csv", "s3://nobody/in", "s3://shop/out/*.csv", "s3://shop/out"):
        told = fails(source(path, options))
        assert told.what == f"there is no file, folder or bucket {path}"
        assert "mend `path`" in told.remedy
    told = fails(source("s3://shop/in/*.tsv", options))
    assert told.what == "s3://shop/in/*.tsv holds no file"


def test_access_denied(s3: s3fs.S3FileSystem, endpoint: str) -> None:
    put(s3, "a.csv", "1")
    httpx.post(f"{endpoint}/moto-api/reset-auth", content=b"0")
    try:
        for path in ("s3://shop/a.csv", "s3://shop/*.csv", "s3://shop"):
            told = fails(source(path, s3_options(endpoint)))
            assert told.what == f"{path}: access is denied"
            assert "`storage_options`" in told.remedy
    finally:
        httpx.post(f"{endpoint}/moto-api/reset-auth", content=b"inf")


@pytest.fixture
def line(endpoint: str) -> Iterator[Line]:
    host, port = endpoint.removeprefix("http://").split(":")
    with line_to(host, int(port)) as line:
        yield line


def test_a_connection_that_is_cut_half_way(s3: s3fs.S3FileSystem, line: Line, copies: Path) -> None:
    put(s3, "a.csv", *(str(n) for n in range(300_000)))
    shop = source("s3://shop/a.csv", s3_options(f"http://{HOST}:{line.port}"))
    assert len(shop.origins(ENTITY, WINDOW)) == 1
    line.cut_after = 500_000
    told = fails(shop)
    assert "s3://shop/a.csv: the connection failed or was cut off" in told.what
    line.cut_after = None
    assert len(read(shop)) == 300_000


def test_a_server_that_is_not_there() -> None:
    with line_to(HOST, 9) as line:
        port = line.port
    told = fails(source("s3://shop/a.csv", s3_options(f"http://{HOST}:{port}")))
    assert "the connection failed or was cut off" in told.what


def test_no_login(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    options = {"anon": False, "client_kwargs": {"endpoint_url": endpoint}}
    assert "access is denied" in fails(source("s3://shop/a.csv", options)).what


def test_addresses_that_are_none() -> None:
    told = fails(source("nothing://shop/a.csv", {}))
    assert "the address or `storage_options` are not understood" in told.what
    told = fails(source("s3://shop/a.csv", {"colour": "blue"}))
    assert "cannot be read" in told.what or "not understood" in told.what


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("sftp://u:secret@host/in", {}, "the address holds a password; put it into"),
        ("simplecache::s3://shop/in", {}, "chained addresses are not understood"),
        ("in/*.csv", {"key": "secret"}, "`storage_options` belong to a `path` such as s3://"),
    ],
)
def test_configuration(path: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        source(path, options)
    assert message in caught.value.errors()[0]["msg"]
    assert "secret" not in caught.value.errors()[0]["msg"]


# SFTP -------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    (folder / "in" / "old").mkdir(parents=True)
    (folder / "in" / "a.csv").write_text("a\n1\n")
    (folder / "in" / "b.csv").write_text("a\n2\n")
    (folder / "in" / ".hidden.csv").write_text("a\n3\n")
    (folder / "in" / "link.csv").symlink_to(folder / "in" / "old" / "c.csv")
    (folder / "in" / "old" / "c.csv").write_text("a\n" + "4\n" * 3)
    return folder


@pytest.fixture
def known_hosts(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


@pytest.fixture
def port(folder: Path, known_hosts: Path) -> Iterator[int]:
    with sftp_server(folder, known_hosts) as port:
        yield port


def sftp_options(known_hosts: Path, **more: Any) -> dict[str, Any]:
    own = {"username": USER, "password": PASSWORD, "known_hosts": str(known_hosts)}
    return {**own, "look_for_keys": False, "allow_agent": False, **more}


def test_files_over_sftp(port: int, folder: Path, known_hosts: Path) -> None:
    options = sftp_options(known_hosts)
    base = f"sftp://{HOST}:{port}/in"
    for path in (base, f"{base}/*.csv"):
        shop = source(path, options)
        origins = shop.origins(ENTITY, WINDOW)
        assert [origin.path for origin in origins] == [
            f"{base}/{name}.csv" for name in ("a", "b", "link")
        ]
        assert [origin.size for origin in origins] == [4, 4, 8]
        assert all(result.ok for result in shop.check())
        assert read(shop) == ["1", "2", "4", "4", "4"]
    # The same size, within the same second: only the bytes tell.
    [before] = source(f"{base}/a.csv", options).origins(ENTITY, WINDOW)
    (folder / "in" / "a.csv").write_text("a\n7\n")
    [after] = source(f"{base}/a.csv", options).origins(ENTITY, WINDOW)
    assert (before.size, len(before.checksum)) == (after.size, 64)
    assert before.checksum != after.checksum
    # The user's name may stand in the address; it is not shown.
    named = source(f"sftp://{USER}@{HOST}:{port}/in/a.csv", options)
    assert named.origins(ENTITY, WINDOW) == [after]
    assert read(named) == ["7"]


def test_a_file_over_sftp_that_changes_or_vanishes(
    port: int, folder: Path, known_hosts: Path
) -> None:
    shop = source(f"sftp://{HOST}:{port}/in/a.csv", sftp_options(known_hosts))
    [origin] = shop.origins(ENTITY, WINDOW)
    (folder / "in" / "a.csv").write_text("a\n9\n")
    with pytest.raises(SourceError, match="has changed while it was being read"):
        list(by_row(shop.read_origin(ENTITY, origin, WINDOW)))
    (folder / "in" / "a.csv").unlink()
    with pytest.raises(SourceError, match="there is no file, folder or bucket"):
        list(by_row(shop.read_origin(ENTITY, origin, WINDOW)))
    shop.close()


def test_logins_and_servers_over_sftp(port: int, known_hosts: Path, tmp_path: Path) -> None:
    path = f"sftp://{HOST}:{port}/in/*.csv"
    told = fails(source(path, sftp_options(known_hosts, password="wrong")))
    assert told.what == f"{path}: access is denied"
    unknown = tmp_path / "nobody"
    unknown.write_text("")
    told = fails(source(path, sftp_options(unknown)))
    assert told.what == f"{path}: the server's key is not the known one"
    told = fails(source(f"sftp://{HOST}:{port}/out/*.csv", sftp_options(known_hosts)))
    assert "there is no file, folder or bucket" in told.what


def test_a_line_that_is_lost_between_two_questions_over_sftp(
    port: int, folder: Path, known_hosts: Path
) -> None:
    (folder / "in" / "a.csv").write_text("a\n1\n")
    files = SFTP(HOST, port=port, skip_instance_cache=True, **sftp_options(known_hosts))
    channel = files.ftp.get_channel()
    assert channel is not None
    channel.close()
    with pytest.raises(PlaceError) as caught, files_remote_errors.told("sftp://in"):
        files.info("/in/a.csv")
    assert "the connection failed or was cut off" in caught.value.what


# paramiko's thread that asks ahead dies with the line.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_line_that_breaks_over_sftp(port: int, folder: Path, known_hosts: Path) -> None:
    values = [f"{n:07d}" for n in range(300_000)]
    (folder / "in" / "a.csv").write_text("\n".join(["a", *values, ""]))
    with line_to(HOST, port) as line:
        know(known_hosts, line.port)
        shop = source(f"sftp://{HOST}:{line.port}/in/a.csv", sftp_options(known_hosts))
        line.cut_after = 800_000
        assert "the connection failed or was cut off" in fails(shop).what
        line.cut_after = None
        assert read(shop) == values
