"""The log in Postgres tables: one a segment, named in ``log_segments``.

Like the files of `cdp.log.files`: a writer begins a part of its own and holds an
advisory lock on it, so positions are given in the order of the commits; a full segment
is left for a new table, and dropped whole once the pipeline has taken all of it, the
last one when the writer is gone.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import psycopg
import structlog
from psycopg import sql

from cdp.events.message import hash64
from cdp.log.record import FORGOTTEN, Taken, new_part, take

logger = structlog.get_logger(__name__)

_CREATE = (
    "CREATE TABLE IF NOT EXISTS log_segments ("
    "part text NOT NULL, first_pos bigint NOT NULL, name text NOT NULL, "
    "PRIMARY KEY (part, first_pos))"
)
_COLUMNS = sql.SQL("(pos, received_at, source, kind, meta, body)")


def _connect(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(_plain(url), autocommit=True)


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _make(connection: psycopg.Connection[Any]) -> None:
    with connection.transaction():
        # CREATE … IF NOT EXISTS of two processes at once may still collide.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (hash64("log_segments"),))
        connection.execute(_CREATE)


class TableWriter:
    """Begins a part of ``kind`` and writes rows to it.

    When its connection broke, the next write makes a new one and begins another part.
    """

    def __init__(self, url: str, kind: str, segment_bytes: int = 64 << 20) -> None:
        self._url, self._kind, self._segment_bytes = url, kind, segment_bytes
        self._db: psycopg.Connection[Any] | None = None
        self._open()

    def _open(self) -> None:
        db = _connect(self._url)
        _make(db)
        self.part, self.next_pos = new_part(self._kind), 1
        _lock(db, self.part)
        self._begin_segment(db)
        self._db = db

    def _begin_segment(self, db: psycopg.Connection[Any]) -> None:
        name = f"log_{self.part.replace('-', '_')}_{self.next_pos}"
        with db.transaction():
            db.execute(
                sql.SQL(
                    "CREATE TABLE {} (pos bigint PRIMARY KEY, received_at bigint NOT NULL, "
                    "source integer NOT NULL, kind text NOT NULL, meta bytea NOT NULL, "
                    "body bytea NOT NULL)"
                ).format(sql.Identifier(name))
            )
            db.execute(
                "INSERT INTO log_segments (part, first_pos, name) VALUES (%s, %s, %s)",
                (self.part, self.next_pos, name),
            )
        self._table, self._written = name, 0

    def write(self, rows: list[tuple[Any, ...]]) -> None:
        """Append ``rows`` in one transaction; on return they are durable."""
        if self._db is None or self._db.closed:
            self._open()
        db = self._db
        assert db is not None
        try:
            command = sql.SQL("COPY {} {} FROM STDIN").format(sql.Identifier(self._table), _COLUMNS)
            with db.transaction(), db.cursor() as cursor, cursor.copy(command) as copy:
                for index, row in enumerate(rows):
                    copy.write_row((self.next_pos + index, *row))
        except psycopg.Error:
            # Whether it was committed is not known, nor which position is the next.
            db.close()
            raise
        self.next_pos += len(rows)
        self._written += sum(len(row[4]) for row in rows)
        if self._written > self._segment_bytes:
            try:
                self._begin_segment(db)
            except psycopg.Error as error:
                # What was given is kept; the next write begins another part.
                logger.error("log_cannot_begin_segment", part=self.part, error=str(error))
                db.close()

    def close(self) -> None:
        """Let go of the part."""
        if self._db is not None:
            self._db.close()


def _lock(db: psycopg.Connection[Any], part: str) -> bool:
    key = hash64(f"log part {part}")
    row = db.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
    return row is not None and bool(row[0])


def _last_position(db: psycopg.Connection[Any], part: str) -> tuple[int, str] | None:
    """The next free position of a part and its newest table."""
    row = db.execute(
        "SELECT first_pos, name FROM log_segments WHERE part = %s ORDER BY first_pos DESC LIMIT 1",
        (part,),
    ).fetchone()
    if row is None:
        return None
    first, name = row
    found = db.execute(sql.SQL("SELECT max(pos) FROM {}").format(sql.Identifier(name))).fetchone()
    last = found[0] if found else None
    return (last + 1 if last is not None else first), name


class TableReader:
    """Reads all parts; used by the pipeline's one thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._held: psycopg.Connection[Any] | None = None

    @property
    def _db(self) -> psycopg.Connection[Any]:
        if self._held is None or self._held.closed:
            self._held = _connect(self._url)
            _make(self._held)
        return self._held

    def _run(self, statement: Any, values: tuple[Any, ...] = ()) -> list[Any]:
        try:
            return self._db.execute(statement, values).fetchall()
        except psycopg.OperationalError as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> ConnectionError:
        """What the pipeline waits out; the connection is made anew."""
        if self._held is not None:
            self._held.close()
        return ConnectionError(str(error))

    def parts(self) -> list[str]:
        """The names of the parts that exist."""
        return [row[0] for row in self._run("SELECT DISTINCT part FROM log_segments ORDER BY part")]

    def _segments(self, part: str) -> list[tuple[int, str]]:
        return self._run(
            "SELECT first_pos, name FROM log_segments WHERE part = %s ORDER BY first_pos", (part,)
        )

    def read(self, part: str, after: int, limit: int) -> list[Taken]:
        """Records of ``part`` behind position ``after``, holding about ``limit`` messages."""
        found = self._segments(part)
        start = 0
        for index, (first, _) in enumerate(found):
            if first <= after + 1:
                start = index
        for _, name in found[start:]:
            rows = self._run(
                sql.SQL(
                    "SELECT pos, received_at, source, kind, meta, body FROM {} "
                    "WHERE pos > %s ORDER BY pos LIMIT %s"
                ).format(sql.Identifier(name)),
                (after, limit),
            )
            if rows:
                return take(part, rows, limit)
        return []

    def end(self, part: str) -> int:
        """The last position in ``part``."""
        try:
            last = _last_position(self._db, part)
        except psycopg.OperationalError as error:
            raise self._broken(error) from error
        return last[0] - 1 if last is not None else 0

    def first(self, part: str) -> int:
        """The first position of which ``part`` still has the table; 1 if it has none."""
        found = self._segments(part)
        return int(found[0][0]) if found else 1

    def ended(self, part: str, taken: int) -> bool:
        """Whether ``part`` has no writer any more and nothing behind ``taken``."""
        if not self._segments(part):
            return False
        try:
            if not _lock(self._db, part):
                return False
            key = hash64(f"log part {part}")
            self._db.execute("SELECT pg_advisory_unlock(%s)", (key,))
        except psycopg.OperationalError as error:
            raise self._broken(error) from error
        return self.end(part) <= taken

    def drop_taken(self, part: str, taken: int) -> None:
        """Drop the tables of ``part`` of which everything is at or below ``taken``."""
        found = self._segments(part)
        for (_, name), (next_first, _) in pairwise(found):
            if next_first > taken + 1:
                break
            self._drop_table(name)

    def drop(self, part: str) -> bool:
        """Drop a part that has `ended`."""
        for _, name in self._segments(part):
            self._drop_table(name)
        return True

    def _drop_table(self, name: str) -> None:
        try:
            with self._db.transaction():
                self._db.execute("DELETE FROM log_segments WHERE name = %s", (name,))
                self._db.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
        except psycopg.OperationalError as error:
            raise self._broken(error) from error

    def forget_taken(self, part: str, taken: int) -> bool:
        """Take the bodies at or below ``taken`` out of the tables of ``part`` that are left.

        The newest record stays without its body, as it says which position is next.
        """
        self.drop_taken(part, taken)
        try:
            for _, name in self._segments(part):
                table = sql.Identifier(name)
                with self._db.transaction():
                    newest = self._db.execute(
                        sql.SQL("SELECT max(pos) FROM {}").format(table)
                    ).fetchone()
                    last = newest[0] if newest is not None and newest[0] is not None else 0
                    self._db.execute(
                        sql.SQL("DELETE FROM {} WHERE pos <= %s AND pos < %s").format(table),
                        (taken, last),
                    )
                    self._db.execute(
                        sql.SQL(
                            "UPDATE {} SET kind = %s, meta = %s, body = %s WHERE pos <= %s"
                        ).format(table),
                        (*FORGOTTEN, taken),
                    )
        except psycopg.Error as error:
            raise self._broken(error) from error
        return True

    def close(self) -> None:
        """Close the connection."""
        if self._held is not None:
            self._held.close()
