"""The log in Postgres behaves as the one in files."""

import psycopg
import pytest

from cdp.config import Settings
from cdp.log import open_log, open_reader
from cdp.log.postgres import TableReader, TableWriter
from cdp.log.record import Record, to_row
from tests.postgres import new_database

pytestmark = pytest.mark.postgres


def rows(*texts: str) -> list[tuple[object, ...]]:
    return [to_row(Record(1, 1, "track", text.encode())) for text in texts]


def bodies(reader: TableReader, part: str, after: int = 0) -> list[bytes]:
    return [item.record.body for item in reader.read(part, after, 10)]


def test_what_was_written_is_read_in_order_and_goes_on_after_a_restart() -> None:
    url = new_database()
    writer, reader = TableWriter(url, "web"), TableReader(url)
    writer.write(rows("a", "b"))
    writer.close()
    writer = TableWriter(url, "web")
    writer.write(rows("c"))
    assert reader.parts() == ["web-0"]
    assert bodies(reader, "web-0") == [b"a", b"b", b"c"]
    assert bodies(reader, "web-0", 2) == [b"c"]
    assert reader.end("web-0") == 3


def test_two_writers_have_a_part_each() -> None:
    url = new_database()
    first, second = TableWriter(url, "web"), TableWriter(url, "web")
    assert (first.part, second.part) == ("web-0", "web-1")


def test_full_tables_are_left_and_dropped_whole() -> None:
    url = new_database()
    writer, reader = TableWriter(url, "web", segment_bytes=0), TableReader(url)
    for text in "abcd":
        writer.write(rows(text))
    assert bodies(reader, "web-0", 1) == [b"b"]
    reader.drop_taken("web-0", 2)
    assert bodies(reader, "web-0", 2) == [b"c"]
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM log_segments").fetchone()
    assert found == (3,)


def test_a_broken_connection_is_made_anew_and_nothing_is_lost() -> None:
    url = new_database()
    writer, reader = TableWriter(url, "web"), TableReader(url)
    writer.write(rows("a"))
    assert reader.parts() == ["web-0"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(psycopg.Error):
        writer.write(rows("b"))
    writer.write(rows("b"))
    with pytest.raises(ConnectionError):
        reader.parts()
    assert b"".join(bodies(reader, "web-0")) in (b"ab", b"abb")


def test_the_settings_choose_it() -> None:
    settings = Settings(database_url=new_database())
    log = open_log(settings)
    log.append(Record(1, 1, "track", b"{}"))
    log.close()
    assert len(open_reader(settings).read("web-0", 0, 10)) == 1
