"""SMTP: messages over a pool of sessions with one server."""

from __future__ import annotations

import ssl
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from cdp.plugin import Exchange, Forbidden, Guard, Outgoing, PluginError, Receipt, Retry
from cdp_email.addresses import InvalidContent, parse
from cdp_email.mime import Mail, compose, email_of, finished
from cdp_email.names import Names
from cdp_email.smtp_client import Connection, Letter, Server
from cdp_email.smtp_wire import Lost

if TYPE_CHECKING:
    from cdp_email.dkim import Signer

#: Servers close sessions that are idle for longer, or that went on for too long.
IDLE_S, MESSAGES = 50.0, 200
#: A message whose turn comes later than this is left for another time: who claimed it
#: gives it up for lost after some minutes.
TURN_S = 30.0


class Smtp:
    """Hands messages to a mail server, which carries them on.

    SMTP has no keys: a message whose outcome is unknown must not be repeated blindly.
    """

    keeps_keys = False
    batch_size = 10

    def __init__(self, settings: dict[str, Any], guard: Guard, names: Names) -> None:
        self._settings, self._guard, self._names = settings, guard, names
        self._server = server_of(settings)
        self._tls: ssl.SSLContext | None = None  # costs 20 ms: not for who only receives
        self._idle: deque[tuple[float, Connection]] = deque()
        self._domains = _Domains(settings["per_domain"])
        self._signers = signers(settings)

    def deliver(self, messages: list[Outgoing]) -> list[Receipt]:
        """Hand messages over one by one; `Stop` or `Retry` only if none was."""
        receipts: dict[int, Receipt] = {}
        letters: dict[int, tuple[str, Letter]] = {}
        for index, message in enumerate(messages):
            try:
                letters[index] = self._letter(message)
            except InvalidContent as error:
                receipts[index] = Receipt.failed(str(error))
        until = time.monotonic() + TURN_S
        while (taken := self._domains.take(letters, until)) is not None:
            index, domain, letter = taken
            try:
                receipts[index] = self._send(letter)
            except PluginError as error:
                if not receipts:
                    raise
                after = error.after if isinstance(error, Retry) else None
                receipts |= dict.fromkeys([index, *letters], Receipt.retry(str(error), after))
                break
            except Exception as error:
                if len(messages) == 1:
                    raise
                receipts[index] = Receipt.unknown(f"{type(error).__name__}: {error}")
            finally:
                self._domains.release(domain)
        late = Receipt.retry("its turn did not come in time: the server is slow", 1.0)
        return [receipts.get(index, late) for index in range(len(messages))]

    def _send(self, letter: Letter) -> Receipt:
        connection = self._take()
        reused = connection is not None
        while True:
            if connection is None:
                connection = self._connect()
            try:
                receipt = connection.send(letter)
            except Lost as error:
                if not reused:
                    return Receipt.retry(str(error))
                connection, reused = None, False  # it had been idle for too long
                continue
            except BaseException:
                connection.close()
                raise
            self._give(connection)
            return receipt

    def _letter(self, message: Outgoing) -> tuple[str, Letter]:
        """The domain that a message is for, and the message."""
        name, now = self._names.sign(message.id), time.time()
        settings = self._settings
        content = finished(message, name, settings["unsubscribe_address"])
        mail = compose(content, name, now, settings["from"], settings["feedback_id"])
        lines = self._signed(mail, now)
        data = b"\r\n".join(lines) + b"\r\n\r\n" + mail.body
        to = [item.spec for item in mail.to]
        copies = [item.spec for item in mail.copies]
        sender = return_path(settings, name) or mail.sender.spec
        return mail.to[0].domain, Letter(sender, to, copies, data, name, mail.utf8)

    def _signed(self, mail: Mail, now: float) -> list[bytes]:
        if not self._signers:
            return mail.lines
        body_hash = self._signers[0].hash(mail.body)
        return [s.sign(mail.lines, body_hash, now) for s in self._signers] + mail.lines

    def _connect(self) -> Connection:
        try:
            addresses = self._guard.addresses(self._server.host, self._server.port)
        except Forbidden as error:
            # No message is at fault: they wait until the address or the setting is another.
            raise Retry(str(error)) from None
        if self._tls is None and self._server.security != "none":
            self._tls = ssl.create_default_context()
        connection = Connection(self._server, self._tls)
        connection.open(addresses)
        return connection

    def _take(self) -> Connection | None:
        while True:
            try:
                since, connection = self._idle.pop()
            except IndexError:
                return None
            if time.monotonic() - since < IDLE_S and not connection.dropped():
                return connection
            connection.close()

    def _give(self, connection: Connection) -> None:
        if not connection.usable:
            return
        if connection.sent >= MESSAGES or len(self._idle) >= self._settings["concurrency"]:
            connection.close(politely=True)
        else:
            self._idle.append((time.monotonic(), connection))

    def test(self, message: Outgoing | None) -> Exchange:
        """Log in and ask if the sender may send; with a message, send it."""
        server = self._server
        url = f"smtp://{server.host}:{server.port}"
        exchange = Exchange("SMTP", url, at=int(time.time() * 1000))
        began = time.perf_counter()
        try:
            if message is not None:
                [receipt] = self.deliver([message])
                exchange.request_body = f"a message to {email_of(message).to[0]}"
                exchange.response_body = receipt.reason or str(receipt.response.get("text", ""))
                exchange.error = None if receipt.kind == "sent" else receipt.reason
                exchange.status = receipt.response.get("code")
            else:
                sender = return_path(self._settings, "test") or parse(self._settings["from"]).spec
                exchange.request_body = f"MAIL FROM:<{sender}>"
                connection = self._connect()
                try:
                    answer = connection.probe(sender)
                    exchange.status, exchange.response_body = answer.code, str(answer)
                finally:
                    connection.close(politely=True)
        except (PluginError, OSError) as error:
            exchange.error = str(error)
        exchange.duration_ms = round((time.perf_counter() - began) * 1000, 3)
        return exchange

    def close(self) -> None:
        """End all idle sessions."""
        while self._idle:
            self._idle.pop()[1].close(politely=True)


class _Domains:
    """Lets at most ``limit`` messages to one domain be on their way at a time; 0: any."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._busy: dict[str, int] = {}
        self._changed = threading.Condition()

    def take(
        self, waiting: dict[int, tuple[str, Letter]], until: float
    ) -> tuple[int, str, Letter] | None:
        """Take out the first letter whose domain is free, when there is one.

        None if there is no letter, or none was free ``until`` then.
        """
        with self._changed:
            while waiting and (left := until - time.monotonic()) > 0:
                index = self._free(waiting)
                if index is not None:
                    domain, letter = waiting.pop(index)
                    self._busy[domain] = self._busy.get(domain, 0) + 1
                    return index, domain, letter
                self._changed.wait(left)
        return None

    def release(self, domain: str) -> None:
        """A letter that was taken is done."""
        with self._changed:
            self._busy[domain] -= 1
            if not self._busy[domain]:
                del self._busy[domain]
            self._changed.notify_all()

    def _free(self, waiting: dict[int, tuple[str, Letter]]) -> int | None:
        if not self._limit:
            return next(iter(waiting))
        free = (i for i, (d, _) in waiting.items() if self._busy.get(d, 0) < self._limit)
        return next(free, None)


def server_of(settings: dict[str, Any]) -> Server:
    """Where the settings say to connect."""
    security, port = settings["security"], settings["port"]
    if port is None:
        port = {"tls": 465, "none": 25}.get(security, 587)
    if security == "auto" and port == 465:
        security = "tls"
    hello = settings["hello"] or parse(settings["from"]).domain
    return Server(
        settings["host"], port, security, hello, settings["username"], settings["password"],
        settings["timeout"], settings["timeout"] * 6,
    )  # fmt: skip


def signers(settings: dict[str, Any]) -> list[Signer]:
    """A signer for each selector, with the key in the same place."""
    if not settings["dkim_key"]:
        return []
    from cdp_email.dkim import Signer, read_keys  # brings cryptography

    domain = settings["dkim_domain"] or parse(settings["from"]).domain
    keys = read_keys(settings["dkim_key"])
    pairs = zip(settings["dkim_selector"], keys, strict=True)
    return [Signer(domain, selector, key) for selector, key in pairs]


def return_path(settings: dict[str, Any], name: str) -> str:
    """The envelope's sender: ``bounces+<name>@…`` with VERP; "" if none is set."""
    path: str = settings["return_path"]
    if not path or not settings["verp"]:
        return path
    local, _, domain = path.rpartition("@")
    return f"{local}+{name}@{domain}"
