"""Opens and clicks that no person made: mail proxies that fetch ahead, scanners that follow links.

Nobody can tell them all apart. What is called a machine here is one by its own word, by
what no person does, or by being faster than any; what is left may still be one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

#: A click so soon after an email was handed over comes from who looks at it on its way.
FAST_CLICK_MS = 3000
#: Whoever follows this many links of one email within `BURST_MS` is reading no text.
BURST_LINKS, BURST_MS = 3, 5000

#: Proxies that fetch images when the person looks: their opens are people's.
_PROXIES = (
    ("google", re.compile(r"GoogleImageProxy", re.I)),
    ("yahoo", re.compile(r"YahooMailProxy", re.I)),
)
#: Apple's Mail Privacy Protection fetches all images of all mail, through proxies that say
#: nothing but this of themselves.
_APPLE = re.compile(r"Mozilla/5\.0")
#: Gmail fetches images of some mail ahead as a browser that nobody has had for years.
_GMAIL_AHEAD = re.compile(r"Chrome/42\.0\.2311\.135 Safari/537\.36 Edge/12\.246 Mozilla/5\.0$")
_BOTS = re.compile(
    r"bot\b|crawl|spider|scan|preview|fetch|monitor|headless|phantom|selenium|puppeteer|playwright"
    r"|curl/|wget/|python|aiohttp|httpx|go-http-client|java/|okhttp|apache-httpclient|libwww"
    r"|node-fetch|axios|ruby|perl|php|guzzle|facebookexternalhit|whatsapp|skypeuripreview|slack"
    r"|barracuda|mimecast|proofpoint|symantec|messagelabs|trend ?micro|sophos|fortinet|ironport"
    r"|forcepoint|zscaler|safelinks|cloudmark|spamassassin|bitdefender|kaspersky|virustotal|urlscan",
    re.I,
)
#: Headers by which browsers and clients say that nobody has asked yet.
_AHEAD = ("sec-purpose", "purpose", "x-purpose", "x-moz")


class Visit(NamedTuple):
    """A request for a pixel or a link; names of ``headers`` in lower case."""

    method: str
    headers: Mapping[str, str]


class Guess(NamedTuple):
    """Who asked: ``machine`` says why it is one (empty: a person), ``proxy`` who asked for it."""

    machine: str = ""
    proxy: str = ""


def of_visit(visit: Visit) -> Guess:
    """What a request says of who made it."""
    agent = visit.headers.get("user-agent", "").strip()
    if visit.method == "HEAD":
        return Guess("asks for the head alone")
    if any(
        word in visit.headers.get(name, "").lower() for name in _AHEAD
        for word in ("prefetch", "preview", "prerender")
    ):  # fmt: skip
        return Guess("fetches ahead")
    for name, pattern in _PROXIES:
        if pattern.search(agent):
            return Guess(proxy=name)
    if not agent:
        return Guess("has no name")
    if _APPLE.fullmatch(agent):
        return Guess("Apple Mail Privacy Protection", "apple")
    if _GMAIL_AHEAD.search(agent):
        return Guess("Gmail fetches ahead", "google")
    if _BOTS.search(agent):
        return Guess("a program, by its name")
    return Guess()


def too_fast(channel: str, sent_at: int | None, at: int) -> bool:
    """Whether a click came sooner after its email than people click. Times in ms since 1970."""
    return channel == "email" and sent_at is not None and at - sent_at < FAST_CLICK_MS


def in_a_burst(channel: str, others: int) -> bool:
    """Whether a click is one of a burst: ``others`` links were followed just before it."""
    return channel == "email" and others + 1 >= BURST_LINKS
