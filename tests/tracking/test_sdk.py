"""What SDKs fetch before they send."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cdp.tracking import sdk
from tests.tracking.conftest import Destination, Sources

SETTINGS = "/v1/projects/wk/settings"


@pytest.fixture
def bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of browser code, so that these tests need none to be set up."""
    folder = tmp_path / "analytics-next"
    folder.mkdir()
    (folder / "standalone.js").write_text("/* analytics */" * 100)
    (folder / "auto-track.bundle.1f2e.js").write_text("/* chunk */")
    (folder / "notes.txt").write_text("no script")
    (tmp_path / "outside.js").write_text("secret")
    monkeypatch.setattr(sdk, "BUNDLES", folder)
    sdk._bundle.cache_clear()
    yield folder
    sdk._bundle.cache_clear()


def test_the_settings_name_segments_and_customer_ios_entry(client: FlaskClient) -> None:
    answer = client.get(SETTINGS, headers={"Host": "cdp.example:8321"})
    assert answer.status_code == 200
    found: Any = answer.json
    for name in ("Segment.io", "Customer.io Data Pipelines"):
        entry = found["integrations"][name]
        assert entry["apiKey"] == "wk"
        assert entry["apiHost"] == "cdp.example:8321/v1"
        assert entry["protocol"] == "http"
        assert entry["versionSettings"]["componentTypes"] == []
    assert found["plan"]["track"]["__default"]["enabled"] is True
    assert found["middlewareSettings"] == {"routingRules": []}
    assert (found["remotePlugins"], found["metrics"]) == ([], {"sampleRate": 0})


def test_the_settings_have_a_rule_for_each_destination_with_a_filter(
    client: FlaskClient, sources: Sources
) -> None:
    sources.destinations = [
        Destination("Everything", " "),
        Destination("Pixel", "type = 'track' and properties.total >= 50"),
        Destination("Beyond the browser", "length(event) > 3"),
        Destination("Broken", "event ="),
    ]
    answer: Any = client.get(SETTINGS).json
    rules = answer["middlewareSettings"]["routingRules"]
    found = {rule["destinationName"]: rule["matchers"] for rule in rules}
    ir = '["!",["and",["=","type",{"value":"track"}],[">=","properties.total",{"value":50}]]]'
    assert found["Pixel"] == [{"type": "fql", "ir": ir}]
    # What the package can't decide passes nothing.
    assert found["Beyond the browser"] == found["Broken"] == [{"type": "all"}]
    assert set(found) == {"Pixel", "Beyond the browser", "Broken"}
    assert {json.dumps(rule["transformers"]) for rule in rules} == {'[[{"type": "drop"}]]'}


@pytest.mark.parametrize("key", ["who", "off"])
def test_a_key_without_a_source_has_no_settings(key: str, client: FlaskClient) -> None:
    answer = client.get(f"/v1/projects/{key}/settings")
    assert answer.status_code == 404
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("settings", "address", "headers", "host", "protocol"),
    [
        ({"public_url": "https://cdp.example/in/"}, "1.1.1.1", {}, "cdp.example/in/v1", "https"),
        ({}, "10.0.0.1", {"X-Forwarded-Proto": "https"}, "here/v1", "http"),
        ({"trusted_proxies": ("10.0.0.1",)}, "10.0.0.1",
         {"X-Forwarded-Proto": "https, http", "X-Forwarded-Host": "out.example"},
         "out.example/v1", "https"),
        ({"trusted_proxies": ("10.0.0.1",)}, "10.0.0.2",
         {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "out.example"}, "here/v1", "http"),
        ({}, "1.1.1.1", {"Host": "<script>"}, "localhost:80/v1", "http"),
        ({}, "1.1.1.1", {"Host": "[2001:db8::1]:8321"}, "[2001:db8::1]:8321/v1", "http"),
    ],
)  # fmt: skip
def test_the_settings_name_the_address_by_which_we_are_reached(
    settings: dict[str, Any], address: str, headers: dict[str, str], host: str, protocol: str,
    make_client: Callable[..., FlaskClient],
) -> None:  # fmt: skip
    answer = make_client(**settings).get(
        SETTINGS, headers={"Host": "here", **headers}, environ_base={"REMOTE_ADDR": address}
    )
    found: Any = answer.json
    entry = found["integrations"]["Segment.io"]
    assert (entry["apiHost"], entry["protocol"]) == (host, protocol)


@pytest.mark.parametrize("file", ["analytics.min.js", "analytics.js"])
def test_analytics_js_knows_its_key_and_from_where_it_came(
    file: str, client: FlaskClient, bundles: Path
) -> None:
    answer = client.get(f"/analytics.js/v1/wk/{file}")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/javascript")
    prelude, _, rest = answer.text.partition("\n")
    assert '_writeKey||"wk"' in prelude and "_cdn" in prelude
    assert rest == (bundles / "standalone.js").read_text()


def test_a_key_cannot_break_out_of_its_string(client: FlaskClient, bundles: Path) -> None:
    answer = client.get("/analytics.js/v1/%22);alert(1)%2F%2F%E2%80%A8/analytics.min.js")
    assert '_writeKey||"\\");alert(1)' in answer.text or answer.status_code == 404
    assert "\u2028" not in answer.text


def test_chunks_are_served_and_nothing_else(client: FlaskClient, bundles: Path) -> None:
    base = "/analytics-next/bundles/"
    assert client.get(base + "auto-track.bundle.1f2e.js").text == "/* chunk */"
    for path in ("../outside.js", "..%2foutside.js", "%2e%2e/outside.js", "notes.txt", "no.js",
                 "/etc/passwd", "%2fetc%2fpasswd", ".", "..", "a%00.js"):  # fmt: skip
        assert client.get(base + path).status_code == 404
    assert client.get("/analytics.js/v1/wk/other.js").status_code == 404


def test_without_the_bundle_the_answer_says_what_to_do(client: FlaskClient, bundles: Path) -> None:
    (bundles / "standalone.js").unlink()
    answer = client.get("/analytics.js/v1/wk/analytics.min.js")
    assert answer.status_code == 503
    assert "make setup" in answer.text


def test_what_is_fetched_is_cached_small_and_open_to_all(
    client: FlaskClient, bundles: Path
) -> None:
    paths = ("/analytics.js/v1/wk/analytics.min.js", SETTINGS, "/sourceConfig/?writeKey=wk")
    for path in paths:
        first = client.get(path)
        assert first.headers["Access-Control-Allow-Origin"] == "*"
        assert "Origin" in first.headers["Vary"]
        assert "max-age" in first.headers["Cache-Control"]
        again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        other = client.get(path, headers={"Origin": "https://shop.example"})
        assert other.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    plain = client.get(paths[0])
    packed = client.get(paths[0], headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(plain.data)
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["ETag"] != plain.headers["ETag"]


def test_rudderstack_sdks_get_a_source_without_destinations(client: FlaskClient) -> None:
    for query in ("?p=cdn&v=3&writeKey=wk", "/?writeKey=wk"):
        answer = client.get("/sourceConfig" + query)
        found: Any = answer.json
        assert found["source"]["id"] == "1" and found["source"]["enabled"] is True
        assert found["source"]["destinations"] == []
        assert found["source"]["config"]["statsCollection"]["errors"]["enabled"] is False
    assert client.head("/sourceConfig/?view=ad&writeKey=wk").status_code == 200
    assert client.get("/sourceConfig?writeKey=off").status_code == 401
    assert client.get("/sourceConfig").status_code == 401
