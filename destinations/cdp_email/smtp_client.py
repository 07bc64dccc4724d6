"""One connection to a mail server, with exact knowledge of what it has taken.

The standard library's client can't tell a connection that was lost before the final dot,
when the server must forget the message (RFC 5321, 4.1.1.4), from one lost after it, and
doesn't pipeline.
"""

from __future__ import annotations

import base64
import select
import socket
import ssl
from typing import NamedTuple

from cdp.plugin import PluginError, Receipt, Retry, Stop
from cdp_email.smtp_wire import Lost, Wire
from cdp_email.verdicts import Answer, receipt


class Server(NamedTuple):
    """Where and how to connect.

    ``security`` is starttls, tls, none, or auto: STARTTLS where it is offered, and without it
    only if there is no password to be overheard.
    """

    host: str
    port: int
    security: str
    hello: str
    username: str = ""
    password: str = ""
    timeout: float = 30.0
    #: The answer to the final dot may take long (RFC 5321, 4.5.3.2.6).
    final_timeout: float = 180.0


class Letter(NamedTuple):
    """A message with its envelope; ``name`` is what bounces should call it."""

    sender: str
    to: list[str]
    copies: list[str]
    data: bytes
    name: str
    utf8: bool = False


class Connection(Wire):
    """A session with a server; `open` it, `send` several messages, `close` it."""

    def __init__(self, server: Server, tls: ssl.SSLContext | None) -> None:
        super().__init__()
        self.server = server
        self.sent = 0
        self.usable = False
        self._tls = tls
        self._reset = False

    def open(self, addresses: list[str]) -> None:
        """Connect, secure, log in. Raises `Retry`, or `Stop` if the login is refused."""
        server, errors = self.server, []
        for address in addresses:
            try:
                self._sock = socket.create_connection(
                    (address, server.port), min(server.timeout, 10.0)
                )
                break
            except OSError as error:
                errors.append(str(error))
        else:
            raise Retry(f"no connection to {server.host}:{server.port}: {'; '.join(errors)}")
        try:
            self._sock.settimeout(None)
            self._wait_at_most(server.timeout)
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._greet()
            self._log_in()
        except OSError as error:
            self.close()
            raise Retry(f"no session with {server.host}:{server.port}: {_said(error)}") from None
        except PluginError:
            self.close()
            raise
        self.usable = True

    def _greet(self) -> None:
        server = self.server
        if server.security == "tls":
            self._secure()
        self._want(self._read(), "the greeting")
        self._hello()
        if server.security in ("starttls", "auto"):
            if "STARTTLS" not in self._offers:
                if server.security == "auto" and not server.username:
                    return
                text = (
                    f"{server.host} offers no STARTTLS, and the password must not go in the clear"
                )
                if server.security == "starttls":
                    text = f"{server.host} offers no STARTTLS (security says that it must)"
                raise Retry(text)
            self._want(self._ask("STARTTLS"), "STARTTLS")
            if self._buffer:
                raise Lost("there was more after the answer to STARTTLS")
            self._secure()
            self._hello()

    def _secure(self) -> None:
        assert self._tls is not None
        self._sock = self._tls.wrap_socket(self._sock, server_hostname=self.server.host)

    def _hello(self) -> None:
        lines = self._want(self._ask(f"EHLO {self.server.hello}"), "EHLO").text.split("\n")[1:]
        self._offers = {}
        for line in lines:
            word, _, rest = line.replace("=", " ", 1).partition(" ")
            self._offers[word.upper()] = rest.upper()

    def _log_in(self) -> None:
        user, password = self.server.username, self.server.password
        if not user:
            return
        ways = self._offers.get("AUTH", "").split()
        if "PLAIN" in ways:
            answer = self._ask("AUTH PLAIN " + _b64(f"\0{user}\0{password}"))
        elif "LOGIN" in ways:
            answer = self._ask("AUTH LOGIN")
            for part in (user, password):
                if answer.code == 334:
                    answer = self._ask(_b64(part))
        else:
            found = " ".join(ways) or "none"
            raise Stop(f"{self.server.host} offers no login that we know (it offers {found})")
        if answer.code >= 500:
            raise Stop(f"{self.server.host} refuses the login: {answer}")
        self._want(answer, "the login")

    def send(self, letter: Letter) -> Receipt:
        """Hand a message over; afterwards `usable` says if another may follow.

        Of several recipients those in ``to`` decide: the receipt is theirs. `Lost` if the
        connection ended before the message: then the server can't have it.
        """
        utf8, data = letter.utf8, letter.data
        if utf8 and "SMTPUTF8" not in self._offers:
            return Receipt.failed(f"{self.server.host} takes no addresses beyond ASCII (SMTPUTF8)")
        limit = self._offers.get("SIZE", "")
        if limit.isdigit() and 0 < int(limit) < len(data):
            return Receipt.failed(
                f"the message has {len(data):,} bytes, {self.server.host} takes {int(limit):,}"
            )
        try:
            refused = self._offer(letter)
        except OSError as error:
            self.close()
            raise Lost(f"the connection was lost before the message: {_said(error)}") from None
        self.sent += 1
        if isinstance(refused, Receipt):
            return refused
        return self._hand_over(data, refused)

    def _offer(self, letter: Letter) -> Receipt | dict[str, str]:
        """The dialogue up to DATA: who was refused, or the receipt if there is no DATA."""
        to, everybody = letter.to, [*letter.to, *letter.copies]
        mail_from = f"MAIL FROM:<{letter.sender}>"
        if letter.utf8:
            mail_from += " BODY=8BITMIME SMTPUTF8"
        if "DSN" in self._offers:
            mail_from += f" RET=HDRS ENVID={letter.name}"
        commands = [mail_from]
        commands += [f"RCPT TO:<{address}>" for address in everybody]
        if self._reset:
            self._reset = False
            commands.insert(0, "RSET")
        # With one recipient DATA goes along; with more it depends on who is taken.
        along = len(everybody) == 1 and "PIPELINING" in self._offers
        answers = self._ask_all([*commands, "DATA"] if along else commands)
        if any(answer.code == 421 for answer in answers):
            self.close()
            gone = next(answer for answer in answers if answer.code == 421)
            return Receipt.retry(str(gone))
        begun = along and len(answers) == len(commands) + 1 and answers[-1].code == 354
        mail = answers[len(commands) - len(everybody) - 1]
        replies = dict(zip(everybody, answers[len(commands) - len(everybody) :], strict=False))
        found = _refusal(mail, replies, to)
        if found is None and not along:
            answers = [self._ask("DATA")]
            begun = answers[0].code == 354
        if found is None and not begun:
            found = receipt(answers[-1], False)
        if found is None:
            return {a: str(r) for a, r in replies.items() if r.code >= 300}
        if begun:
            self.close()  # without the final dot it must forget the message
        self._reset = True
        return found

    def _hand_over(self, data: bytes, refused: dict[str, str]) -> Receipt:
        body = data.replace(b"\r\n.", b"\r\n..")
        try:
            self._write(body + (b".\r\n" if body.endswith(b"\r\n") else b"\r\n.\r\n"))
        except OSError as error:
            # What failed to be written whole had no final dot.
            self.close()
            return Receipt.retry(f"the connection was lost within the message: {_said(error)}")
        try:
            self._wait_at_most(self.server.final_timeout)
            answer = self._read()
            self._wait_at_most(self.server.timeout)
        except OSError as error:
            self.close()
            return Receipt.unknown(f"no answer after the message: {_said(error)}")
        if 200 <= answer.code < 300:
            more = {"refused": refused} if refused else {}
            said = {"code": answer.code, "text": answer.text[:500], **more}
            return Receipt.sent(_queue_id(answer.text), response=said)
        self._reset = True
        if answer.code == 421:
            self.close()
        if not 400 <= answer.code < 600:
            self.close()
            return Receipt.unknown(f"after the message the server said {answer}")
        return receipt(answer, False)

    def probe(self, sender: str) -> Answer:
        """Ask whether it would take mail from ``sender``."""
        return self._want(self._ask_all([f"MAIL FROM:<{sender}>", "RSET"])[0], "MAIL FROM")

    def dropped(self) -> bool:
        """Whether the other side has closed it, or spoken unasked, while it was idle."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return not self.usable or bool(poll.poll(0))

    def close(self, politely: bool = False) -> None:
        """End the session."""
        self.usable = False
        if not hasattr(self, "_sock"):
            return
        try:
            if politely:
                self._wait_at_most(1.0)
                self._sock.sendall(b"QUIT\r\n")
        except OSError:
            pass  # it is gone already, which is what we want
        finally:
            self._sock.close()

    def _want(self, answer: Answer, what: str) -> Answer:
        if 200 <= answer.code < 300:
            return answer
        raise Retry(f"{self.server.host} refuses {what}: {answer}")


def _refusal(mail: Answer, replies: dict[str, Answer], to: list[str]) -> Receipt | None:
    """The receipt if MAIL or those in ``to`` were refused; None to go on."""
    if mail.code >= 300:
        if mail.code in (530, 535):
            raise Stop(f"the server wants a login: {mail}")
        return receipt(mail, False)
    meant = [replies[address] for address in to]
    for answer in meant:
        if 400 <= answer.code < 500:
            return receipt(answer, True)
    bad = [answer for answer in meant if answer.code >= 300]
    return receipt(bad[0], True) if len(bad) == len(meant) else None


def _queue_id(text: str) -> str:
    """What the server calls the message: ``250 2.0.0 Ok: queued as 4ABC``."""
    words = text.split("\n")[0].split()
    for mark in ("as", "id"):
        if mark in words[:-1]:
            return words[words.index(mark) + 1].strip("<>.,;")[:200]
    found = [word for word in words if word.startswith("id=")]
    return found[0][3:].strip("<>.,;")[:200] if found else ""


def _said(error: OSError) -> str:
    if isinstance(error, BlockingIOError | ssl.SSLWantReadError | ssl.SSLWantWriteError):
        return "nothing came in time"
    return str(error) or type(error).__name__


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
