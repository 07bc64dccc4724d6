"""The bare limit of the pipeline: what must be written for each message, and nothing else.

Micro-batches of 500 in one SQLite transaction: decode, leave out repeats by a hash, two
identifiers each, traits merged, bodies in compressed blocks, history keyed by profile,
name and time. No rules, no merges, no checks, no audiences, no plugins, one thread.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from pathlib import Path

import msgspec
import zstandard

_BATCH = 500
_TABLES = (
    "CREATE TABLE seen (hash INTEGER PRIMARY KEY)",
    "CREATE TABLE identifier (hash INTEGER PRIMARY KEY, value TEXT, profile INTEGER)",
    "CREATE TABLE profile (id INTEGER PRIMARY KEY, traits TEXT)",
    "CREATE TABLE history (profile INTEGER, name INTEGER, t INTEGER, seq INTEGER,"
    " PRIMARY KEY (profile, name, t, seq)) WITHOUT ROWID",
    "CREATE TABLE block (seq INTEGER PRIMARY KEY, body BLOB)",
)


def spine(folder: Path, bodies: list[bytes]) -> float:
    """Messages a second; each of ``bodies`` is one message as JSON."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -65536"):
        connection.execute(f"PRAGMA {pragma}")
    for table in _TABLES:
        connection.execute(table)
    names: dict[str, int] = {}
    began = time.perf_counter()
    for start in range(0, len(bodies), _BATCH):
        connection.execute("BEGIN IMMEDIATE")
        _batch(connection, bodies[start : start + _BATCH], start, names)
        connection.execute("COMMIT")
    rate = len(bodies) / (time.perf_counter() - began)
    (stored,) = connection.execute("SELECT count(*) FROM history").fetchone()
    connection.close()
    if stored != len(bodies):
        raise RuntimeError(f"{len(bodies)} messages went in, {stored} are stored")
    return rate


def _hash(text: str) -> int:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _batch(
    connection: sqlite3.Connection, bodies: list[bytes], first: int, names: dict[str, int]
) -> None:
    now = int(time.time() * 1000)
    messages = [msgspec.json.decode(body) for body in bodies]
    seen = [_hash(message["messageId"]) for message in messages]
    repeated = _known(connection, "seen WHERE hash", "hash, 1", seen)
    fresh = [m for m, hash in zip(messages, seen, strict=True) if hash not in repeated]
    connection.executemany("INSERT INTO seen VALUES (?)", [(hash,) for hash in seen])
    keys = [
        [(_hash(f"{kind}:{message[kind]}"), message[kind])
         for kind in ("userId", "anonymousId") if kind in message]
        for message in fresh
    ]  # fmt: skip
    profiles = _known(
        connection,
        "identifier WHERE hash",
        "hash, profile",
        [hash for own in keys for hash, _ in own],
    )
    identifiers: list[tuple[int, str, int]] = []
    history: list[tuple[int, int, int, int]] = []
    traits: dict[int, dict[str, object]] = {}
    for at, (message, own) in enumerate(zip(fresh, keys, strict=True)):
        seq = first + at
        person = next((profiles[hash] for hash, _ in own if hash in profiles), seq)
        for hash, value in own:
            if hash not in profiles:
                profiles[hash] = person
                identifiers.append((hash, value, person))
        if "traits" in message:
            traits.setdefault(person, {}).update(message["traits"])
        name = message.get("event") or message.get("name") or message["type"]
        history.append((person, names.setdefault(name, len(names)), now, seq))
    connection.executemany("INSERT INTO identifier VALUES (?, ?, ?)", identifiers)
    before = _known(connection, "profile WHERE id", "id, traits", list(traits))
    connection.executemany(
        "INSERT OR REPLACE INTO profile VALUES (?, ?)",
        [
            (person, json.dumps({**json.loads(before.get(person, "{}")), **values}))
            for person, values in traits.items()
        ],
    )
    connection.executemany("INSERT INTO history VALUES (?, ?, ?, ?)", history)
    block = zstandard.ZstdCompressor(level=1).compress(b"\n".join(bodies))
    connection.execute("INSERT INTO block VALUES (?, ?)", (first, block))


def _known(
    connection: sqlite3.Connection, where: str, what: str, keys: list[int]
) -> dict[int, object]:
    marks = ",".join("?" * len(keys))
    return dict(connection.execute(f"SELECT {what} FROM {where} IN ({marks})", keys).fetchall())
