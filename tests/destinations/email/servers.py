"""Mail servers for the tests: aiosmtpd, and one that misbehaves as it is told."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from cdp_email import Email
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cdp.plugin import DestinationContext, EmailContent, Outgoing


def make(port: int, **settings: Any) -> Email:
    """A channel over a local server."""
    given = {"provider": "smtp", "from": "Shop <shop@example.org>", "host": "127.0.0.1",
             "port": port, "security": "none", "timeout": 5}  # fmt: skip
    return Email(given | settings, DestinationContext("Mail", True))


def message(name: str = "d1", to: str = "ana@example.com", **more: Any) -> Outgoing:
    """A message on its way."""
    content = {"sender": "", "to": (to,), "subject": "Hello", "text": "Hello\n.\n..x\n"}
    return Outgoing(name, f"key-{name}", EmailContent(**(content | more)))


class Mailbox:
    """aiosmtpd on a free port; ``mails`` are the envelopes that arrived."""

    def __init__(self, **options: Any) -> None:
        self.mails: list[Envelope] = []
        self.sessions: set[int] = set()
        self.logins: list[tuple[bytes, bytes]] = []
        if options.pop("login", False):
            options |= {"authenticator": self._authenticate, "auth_required": True}
        self._tls = options.pop("ssl_context", None)
        self._options = {"enable_SMTPUTF8": True} | options
        self._loop = asyncio.new_event_loop()

    def _authenticate(self, _s: Any, _se: Any, _e: Any, _m: str, data: LoginPassword) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=False)

    async def handle_DATA(self, _server: Any, session: Any, envelope: Envelope) -> str:
        """Keep what came."""
        self.sessions.add(id(session))
        self.mails.append(envelope)
        return "250 2.0.0 Ok: queued as 4ABC"

    def __enter__(self) -> Mailbox:
        # All in the thread: the test's own may have a loop that is running, a browser's.
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def _run(self, ready: threading.Event) -> None:
        def protocol() -> SMTP:
            return SMTP(self, loop=self._loop, **self._options)

        making = self._loop.create_server(protocol, "127.0.0.1", 0, ssl=self._tls)
        server = self._loop.run_until_complete(making)
        self.port: int = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(_end_all())
        self._loop.close()

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


async def _end_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Scripted:
    """A server that answers as ``answers`` says, by verb, and hangs up where ``drop`` says.

    ``drop`` is connect, mail (after it was read), body (within the message) or dot (after
    it was read). ``offers`` are the lines of EHLO.
    """

    def __init__(
        self,
        answers: dict[str, str] | None = None,
        drop: str = "",
        offers: tuple[str, ...] = ("PIPELINING", "SIZE 100000"),
        once: bool = False,
    ) -> None:
        self.answers, self.drop, self.offers, self.once = answers or {}, drop, offers, once
        self.taken: list[bytes] = []
        self.commands: list[str] = []
        self.connections = 0
        self.stop = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Scripted:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._session, args=(peer,), daemon=True).start()

    def _session(self, peer: socket.socket) -> None:
        with peer, peer.makefile("rb") as file:

            def say(verb: str, default: str) -> None:
                peer.sendall(self.answers.get(verb, default).encode() + b"\r\n")

            if self.drop == "connect":
                return
            say("CONNECT", "220 ready")
            for line in file:
                command = line.decode().strip()
                self.commands.append(command)
                verb = command.split()[0].upper()
                if self.drop == verb.lower():
                    return
                if verb == "EHLO":
                    lines = ["test", *self.offers]
                    text = [
                        f"250{'-' if i < len(lines) - 1 else ' '}{x}" for i, x in enumerate(lines)
                    ]
                    peer.sendall("\r\n".join(text).encode() + b"\r\n")
                elif verb == "DATA":
                    say("DATA", "354 go on")
                    if self.answers.get("DATA", "354").startswith("354") and not self._body(
                        peer, file
                    ):
                        return
                    if self.once:
                        return
                elif verb == "RCPT":
                    say(command.split("<")[1].rstrip(">"), self.answers.get("RCPT", "250 ok"))
                elif verb == "QUIT":
                    return
                else:
                    say(verb, "250 ok")

    def _body(self, peer: socket.socket, file: Any) -> bool:
        if self.drop == "body":
            file.read(20)
            # Unread bytes make the system reset the connection.
            return False
        body = b""
        while not body.endswith(b"\r\n.\r\n"):
            more = file.readline()
            if not more:
                return False
            body += more
        self.taken.append(body)
        if self.drop == "dot":
            return False
        if self.drop == "silence":
            self.stop.wait(10)
            return False
        peer.sendall(self.answers.get("DOT", "250 2.0.0 Ok: queued as 4ABC").encode() + b"\r\n")
        return True


def certificate(folder: Path, host: str = "127.0.0.1") -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context with a certificate of its own, and the file to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), False
        )
        .sign(key, hashes.SHA256())
    )
    cert, key_file = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key_file)
    return context, cert
