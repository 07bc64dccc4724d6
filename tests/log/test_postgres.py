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


def test_what_was_written_is_read_in_order() -> None:
    url = new_database()
    writer, reader = TableWriter(url, "web"), TableReader(url)
    writer.write(rows("a", "b"))
    writer.write(rows("c"))
    assert reader.parts() == [writer.part]
    assert bodies(reader, writer.part) == [b"a", b"b", b"c"]
    assert bodies(reader, writer.part, 2) == [b"c"]
    assert reader.end(writer.part) == 3


def test_each_writer_begins_a_part_which_ends_when_it_is_gone_and_all_is_taken() -> None:
    url = new_database()
    first, reader = TableWriter(url, "web"), TableReader(url)
    first.write(rows("a"))
    assert not reader.ended(first.part, 1)  # more may come
    first.close()
    second = TableWriter(url, "web")
    assert reader.parts() == sorted({first.part, second.part}) and first.part != second.part
    assert (reader.ended(first.part, 0), reader.ended(first.part, 1)) == (False, True)
    assert not reader.ended("web-never", 0)
    assert reader.drop(first.part)
    assert reader.parts() == [second.part] and reader.end(first.part) == 0


def test_full_tables_are_left_and_dropped_whole() -> None:
    url = new_database()
    writer, reader = TableWriter(url, "web", segment_bytes=0), TableReader(url)
    for text in "abcd":
        writer.write(rows(text))
    assert bodies(reader, writer.part, 1) == [b"b"]
    reader.drop_taken(writer.part, 2)
    assert bodies(reader, writer.part, 2) == [b"c"]
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM log_segments").fetchone()
    assert found == (3,)


def test_a_broken_connection_is_made_anew_and_nothing_is_lost() -> None:
    url = new_database()
    writer, reader = TableWriter(url, "web"), TableReader(url)
    writer.write(rows("a"))
    before = writer.part
    assert reader.parts() == [before]
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
    assert b"".join(bodies(reader, before)) in (b"a", b"ab")
    assert bodies(reader, writer.part) == [b"b"] and writer.part != before


def test_the_settings_choose_it() -> None:
    settings = Settings(database_url=new_database())
    log = open_log(settings)
    log.append(Record(1, 1, "track", b"{}"))
    log.close()
    assert len(open_reader(settings).read(log.part, 0, 10)) == 1
