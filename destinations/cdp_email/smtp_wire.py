"""Lines to and from a mail server."""

from __future__ import annotations

import socket
import ssl
import struct

from cdp_email.verdicts import Answer, enhanced

_MAX_LINE, _MAX_LINES = 8192, 100


class Lost(OSError):
    """The connection ended, or what came over it was no SMTP."""


class Wire:
    """Commands out, answers in, over a socket that a subclass opens."""

    _sock: socket.socket | ssl.SSLSocket

    def __init__(self) -> None:
        self._buffer = b""
        self._offers: dict[str, str] = {}

    def _wait_at_most(self, seconds: float) -> None:
        """How long a call on the socket may take.

        By the system and not by Python, which asks before each call whether it would
        wait: that is twice the work where many threads do nothing but this.
        """
        limit = struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)

    def _ask(self, command: str) -> Answer:
        return self._ask_all([command])[0]

    def _ask_all(self, commands: list[str]) -> list[Answer]:
        """The answers to commands, pipelined if the server can; up to the first refusal if not."""
        if len(commands) == 1 or "PIPELINING" in self._offers:
            self._write("".join(command + "\r\n" for command in commands).encode())
            return [self._read() for _ in commands]
        answers = []
        for command in commands:
            self._write(command.encode() + b"\r\n")
            answers.append(self._read())
            if command.startswith("MAIL") and answers[-1].code >= 300:
                break
        return answers

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._sock.send(rest) :]

    def _read(self) -> Answer:
        texts: list[str] = []
        while len(texts) < _MAX_LINES:
            end = self._buffer.find(b"\n")
            while end < 0:
                if len(self._buffer) > _MAX_LINE:
                    raise Lost("the server sent a line without end")
                more = self._sock.recv(16384)
                if not more:
                    raise Lost("the server closed the connection")
                self._buffer += more
                end = self._buffer.find(b"\n")
            line = self._buffer[:end].rstrip(b"\r").decode("utf-8", "replace")
            self._buffer = self._buffer[end + 1 :]
            if len(line) < 3 or not (line[:3].isascii() and line[:3].isdigit()):
                raise Lost(f"the server said {line[:100]!r}, which is no SMTP")
            texts.append(line[4:])
            if line[3:4] != "-":
                text = "\n".join(texts) if line[0] == "2" else " ".join(texts)
                return Answer(int(line[:3]), enhanced(text), text)
        raise Lost("the server sent an answer without end")
