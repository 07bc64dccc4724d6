"""Emails handed to a mail server, beside bare smtplib sessions that hand over ready bytes."""

from __future__ import annotations

import asyncio
import smtplib
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cdp_email import Email

from cdp.plugin import DestinationContext, EmailContent, Outgoing
from tests.bench.figures import Figure

_THREADS = 8
_HTML = "<p>Hello Ana, here is <b>something</b> that may be of interest to you – today.</p>\n" * 40
_TEXT = "Hello Ana, here is something that may be of interest to you - today.\n" * 40


def smtp(folder: Path, quick: bool) -> list[Figure]:
    """Written, and handed over by as many threads as there are bare sessions."""
    count, rounds = (1_500, 2) if quick else (6_000, 3)
    messages = [_message(number) for number in range(count)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.smtp"], stdout=subprocess.PIPE, text=True
    )
    ours, bare = [], []
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        for _ in range(rounds):
            bare.append(_bare(port, count))
            ours.append(_channel(port, messages))
    finally:
        process.kill()
        process.wait()
    rate, limit = statistics.median(ours), statistics.median(bare)
    return [
        Figure("deliveries_smtp", "messages/s", rate, limit, "ratio >= 0.7", rate / limit >= 0.7)
    ]


def _message(number: int) -> Outgoing:
    content = EmailContent(
        "Shop <shop@example.org>", (f"Ana Peña <ana{number}@example.com>",), "Grüße für Ana",
        html=_HTML, text=_TEXT, unsubscribe_url=f"https://example.org/u/{number}",
    )  # fmt: skip
    return Outgoing(f"d{number}", f"k{number}", content)


def _channel(port: int, messages: list[Outgoing]) -> float:
    channel = Email(
        {"provider": "smtp", "from": "shop@example.org", "host": "127.0.0.1", "port": port,
         "security": "none", "concurrency": _THREADS},
        DestinationContext("Bench", True),
    )  # fmt: skip
    batches = [
        messages[i : i + channel.batch_size] for i in range(0, len(messages), channel.batch_size)
    ]
    began = time.perf_counter()
    with ThreadPoolExecutor(_THREADS) as threads:
        receipts = [r for found in threads.map(channel.deliver, batches) for r in found]
    rate = len(messages) / (time.perf_counter() - began)
    channel.close()
    if any(receipt.kind != "sent" for receipt in receipts):
        raise RuntimeError("not everything was handed over")
    return rate


def _bare(port: int, count: int) -> float:
    data = (b"Subject: x\r\n\r\n" + _HTML.encode() + _TEXT.encode()).replace(b"\n", b"\r\n")
    local = threading.local()

    def hand_over(number: int) -> None:
        if not hasattr(local, "session"):
            local.session = smtplib.SMTP("127.0.0.1", port)
            local.session.ehlo("bench")
        local.session.sendmail("shop@example.org", [f"ana{number}@example.com"], data)

    began = time.perf_counter()
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(hand_over, range(count)))
    return count / (time.perf_counter() - began)


class _Sink(asyncio.Protocol):
    """A mail server that takes everything and looks at nothing."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._data, self._body = b"", False
        self._transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._data += data
        while True:
            mark = b"\r\n.\r\n" if self._body else b"\r\n"
            end = self._data.find(mark)
            if end < 0:
                return
            line, self._data = self._data[:end], self._data[end + len(mark) :]
            if self._body:
                self._body = False
                self._transport.write(b"250 2.0.0 Ok: queued as 4ABC\r\n")
                continue
            verb = line[:4].upper()
            if verb == b"EHLO":
                self._transport.write(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif verb == b"DATA":
                self._body = True
                self._transport.write(b"354 go on\r\n")
            elif verb == b"QUIT":
                self._transport.close()
                return
            else:
                self._transport.write(b"250 ok\r\n")


async def _main() -> None:
    server = await asyncio.get_running_loop().create_server(_Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
