"""What is known of a person, as a page that can be read: one file, nothing loaded."""

from __future__ import annotations

import json
from html import escape
from typing import Any

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.5rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid #ddd}
td{overflow-wrap:anywhere}pre{white-space:pre-wrap;margin:0;font-size:.85rem}
@media(prefers-color-scheme:dark){body{background:#16181c;color:#e8e8e8}th,td{border-color:#333}}
"""


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        text = json.dumps(value, ensure_ascii=False, indent=1)
        return f"<pre>{escape(text)}</pre>"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escape(str(value))


def _table(title: str, rows: list[dict[str, Any]]) -> str:
    if not rows:
        return ""
    names = list(rows[0])
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(row.get(name))}</td>" for name in names) + "</tr>"
        for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<h2>{escape(title)}</h2>{table}"


def page(known: dict[str, Any], made_at: str, events: list[dict[str, Any]], total: int) -> str:
    """The page of a dossier; ``events`` are the newest of ``total``.

    Everything is escaped: what people and SDKs sent is shown, never run.
    """
    more = "" if total <= len(events) else " The others are in events.jsonl."
    name = known["name"] or known["id"]
    traits = [
        {"trait": trait, "value": item["value"], "since": item["at"], "source": item["source"]}
        for trait, item in known["traits"].items()
    ]
    agreed = known["consent"]
    consent = agreed["preferences"].items() if agreed else ()
    parts = [
        f"<h1>What is known of {escape(str(name))}</h1>",
        f"<p>As of {escape(made_at)}. First seen {escape(known['created_at'])}.</p>",
        _table("Identifiers", known["identifiers"]),
        _table("Traits", traits),
        _table("Consent", [{"category": key, "agreed": value} for key, value in consent]),
        _table("Accounts and objects", known["accounts"]),
        f"<h2>Events</h2><p>{total:,} in all, the newest {len(events):,} here.{more}</p>",
        _table("Newest events", events),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>What is known of {escape(str(name))}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>"
    )
