"""/healthz, /readyz and /metrics."""

from __future__ import annotations

import time
from ipaddress import ip_address
from typing import Any

from flask import Flask, Response, jsonify, request
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from cdp.config import Settings
from cdp.log import GroupCommit
from cdp.store import Store, meta
from cdp.store.events import progress
from cdp.store.journeys import standstill
from cdp.store.tables import streams

#: What `register` adds.
PATHS = ("/healthz", "/readyz", "/metrics")
SILENT_MS = 60_000


def register(app: Flask, store: Store, log: GroupCommit, settings: Settings) -> None:
    """Add the three paths to ``app``."""

    @app.get("/healthz")
    def healthz() -> Response:
        return jsonify({"status": "ok"})

    @app.get("/readyz")
    def readyz() -> tuple[Response, int]:
        reasons = not_ready(store, log)
        if reasons:
            return jsonify({"status": "not ready", "reasons": reasons}), 503
        return jsonify({"status": "ready"}), 200

    @app.get("/metrics", provide_automatic_options=False)
    def metrics() -> Response:
        # Open to the machine itself; others need a token.
        if not _is_local(request.environ) and not _has_token(store):
            return Response("a token with the scope metrics:read is needed\n", status=401)
        return Response(render_metrics(store), mimetype="text/plain; version=0.0.4")


def not_ready(store: Store, log: GroupCommit) -> list[str]:
    """Why the server can't do its work just now; empty when it can."""
    reasons: list[str] = []
    if log.closed:
        reasons.append("log: it is closed")
    if log.failing:
        reasons.append(f"log: {log.failing}")
    try:
        with store.read() as tx:
            seen = int(meta.get(tx, "pipeline_seen") or 0)
        if time.time() * 1000 - seen > SILENT_MS:
            reasons.append("pipeline: no sign of life for a minute")
    except SQLAlchemyError as error:
        reasons.append(f"store: {str(error).splitlines()[0]}")
    return reasons


def _is_local(environ: dict[str, Any]) -> bool:
    if "HTTP_X_FORWARDED_FOR" in environ or "HTTP_FORWARDED" in environ:
        return False
    try:
        return ip_address(environ.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _has_token(store: Store) -> bool:
    from cdp.api.auth import token_of_request

    return token_of_request(store, "metrics:read") is not None


def render_metrics(store: Store) -> str:
    """The numbers in Prometheus's text form."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest
    from prometheus_client.core import CounterMetricFamily

    class Counts:
        def collect(self) -> Any:
            with store.read() as tx:
                totals = progress.total_counts(tx)
            accepted = CounterMetricFamily(
                "cdp_messages", "Messages folded into the store, by type.", labels=["type"]
            )
            refused = CounterMetricFamily(
                "cdp_rejected", "Messages refused, by reason.", labels=["code"]
            )
            for what, count in totals.items():
                kind, _, code = what.partition(":")
                if kind == "rejected":
                    refused.add_metric([code], count)
                else:
                    accepted.add_metric([kind], count)
            yield accepted
            yield refused

    registry = CollectorRegistry()
    registry.register(Counts())
    lag = Gauge(
        "cdp_stream_lag", "Events that wait for a stream.", ["stream", "state"], registry=registry
    )
    still = Gauge(
        "cdp_journey_standing_still",
        "1 where a journey stands still by itself; for people who are held, how many.",
        ["journey", "what"],
        registry=registry,
    )
    with store.read() as tx:
        for one in standstill.all_standing(tx):
            still.labels(one.key, one.what).set(one.people or 1)
        end = meta.next_number(tx, "seq")
        for row in tx.execute(select(streams.c.name, streams.c.seq, streams.c.state)):
            lag.labels(row.name, row.state).set(max(0, end - row.seq))
    return generate_latest(registry).decode()
