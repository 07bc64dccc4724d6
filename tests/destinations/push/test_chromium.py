"""Web Push in a real Chromium: its own cryptography reads what we seal, its worker shows it.

Its push service is out of reach, so the page plays that part: it makes the keys that a
subscription has, and takes the body that such a service would carry.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from cdp.plugin import Device, PushContent
from cdp.plugin.testing import Answer, RecordingServer
from tests.console.chromium import NEEDS_CHROMIUM
from tests.destinations.push.common import make, outgoing
from tests.destinations.push.test_webpush import WEB
from tests.docs.tutorial import blocks
from tests.real.browser import Site
from tests.real.server import wait_until

pytestmark = NEEDS_CHROMIUM

#: Written after RFC 8291 and RFC 8188 with nothing but the browser's WebCrypto.
PAGE = """
const b64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)))
  .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const text = (words) => new TextEncoder().encode(words);
const join = (...parts) => new Uint8Array(parts.flatMap((part) => [...new Uint8Array(part)]));
async function hkdf(salt, material, info, length) {
  const key = await crypto.subtle.importKey("raw", material, "HKDF", false, ["deriveBits"]);
  return crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, key, length * 8);
}
const curve = { name: "ECDH", namedCurve: "P-256" };
window.subscribe = async (endpoint) => {
  window.pair = await crypto.subtle.generateKey(curve, false, ["deriveBits"]);
  window.point = await crypto.subtle.exportKey("raw", window.pair.publicKey);
  window.auth = crypto.getRandomValues(new Uint8Array(16));
  return { endpoint, keys: { p256dh: b64(window.point), auth: b64(window.auth) } };
};
window.read = async (base64) => {
  const body = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const salt = body.slice(0, 16), length = body[20];
  const sender = body.slice(21, 21 + length), sealed = body.slice(21 + length);
  const theirs = await crypto.subtle.importKey("raw", sender, curve, false, []);
  const shared = await crypto.subtle.deriveBits(
    { name: "ECDH", public: theirs }, window.pair.privateKey, 256);
  const info = join(text("WebPush: info\\0"), window.point, sender);
  const material = await hkdf(window.auth, shared, info, 32);
  const raw = await hkdf(salt, material, text("Content-Encoding: aes128gcm\\0"), 16);
  const iv = await hkdf(salt, material, text("Content-Encoding: nonce\\0"), 12);
  const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"]);
  const open = new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, sealed));
  const end = open.lastIndexOf(2);
  return new TextDecoder().decode(open.slice(0, end));
};
"""


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


@pytest.fixture
def page(one_chromium: Any, site: Site) -> Iterator[Any]:
    context = one_chromium.new_context()
    context.grant_permissions(["notifications"], origin=site.url)
    yield context.new_page()
    context.close()


def sealed(subscription: str, content: PushContent) -> bytes:
    """What our channel sends to the push service of that subscription."""
    found = json.loads(subscription)
    with RecordingServer(otherwise=Answer(201)) as server:
        token = json.dumps({**found, "endpoint": f"{server.url}/push"})
        channel = make(**WEB)
        from dataclasses import replace

        devices = (Device(token, "web"),)
        [receipt] = channel.deliver([outgoing(replace(content, devices=devices))])
        channel.close()
    assert receipt.kind == "sent"
    return server.requests[0].body


def test_the_browser_reads_what_is_sealed_for_it(page: Any, site: Site) -> None:
    page.goto(site.add("/reader", f"<script>{PAGE}</script>"))
    subscription = json.dumps(page.evaluate("subscribe('https://push.example.org/1')"))
    body = sealed(subscription, PushContent((), "Zażółć 🙂", "<b>now</b>", link="https://x/y"))
    read = json.loads(page.evaluate("(body) => read(body)", base64.b64encode(body).decode()))
    assert (read["title"], read["body"]) == ("Zażółć 🙂", "<b>now</b>")
    assert (read["link"], read["delivery_id"]) == ("https://x/y", "d1")


def test_the_worker_of_the_how_to_shows_it(page: Any, site: Site) -> None:
    [worker] = [b.text for b in blocks("how-to/send-push.md") if b.what == "file: push.js"]
    site.scripts["/push.js"] = worker
    page.goto(site.add("/shop", ""))
    session = page.context.new_cdp_session(page)
    seen: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: seen.extend(item["registrationId"] for item in told["registrations"]),
    )
    session.send("ServiceWorker.enable")
    page.evaluate(
        "navigator.serviceWorker.register('/push.js').then(() => navigator.serviceWorker.ready)"
    )
    # What the browser tells is heard while the page is asked.
    wait_until(lambda: page.evaluate("1") and seen)
    content = {"title": "Your order", "body": "It is on its way", "link": "https://x/y",
               "tag": "order", "delivery_id": "d1", "data": {"n": "1"},
               "actions": [{"action": "buy", "title": "Buy", "link": "https://x/b"}]}  # fmt: skip
    shown: list[Any] = []
    for _ in range(30):  # a worker that is not awake yet misses what comes
        for message in (content, {"delivery_id": "d2", "data": {"sync": "1"}}):
            session.send(
                "ServiceWorker.deliverPushMessage",
                {"origin": site.url, "registrationId": seen[-1], "data": json.dumps(message)},
            )
        shown = page.evaluate(
            """async () => {
              const worker = await navigator.serviceWorker.ready;
              for (let n = 0; n < 10; n++) {
                const found = await worker.getNotifications();
                const plain = ({ title, body, tag, data, actions }) => ({
                  title, body, tag, data,
                  actions: actions.map((one) => ({ action: one.action, title: one.title })),
                });
                if (found.length) return found.map(plain);
                await new Promise((done) => setTimeout(done, 100));
              }
              return [];
            }"""
        )
        if shown:
            break
    [found] = shown
    assert (found["title"], found["body"], found["tag"]) == (
        "Your order", "It is on its way", "order",
    )  # fmt: skip
    assert found["data"] == {
        "link": "https://x/y", "delivery": "d1", "n": "1", "actions": content["actions"],
    }  # fmt: skip
    assert found["actions"] == [{"action": "buy", "title": "Buy"}]
