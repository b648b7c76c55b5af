"""HTTP/1.1 over one connection, several requests ahead of their answers."""

import asyncio
from urllib.parse import urlencode

PATIENCE_S = 20.0
CONNECT_S = 5.0


class Answer:
    __slots__ = ("status", "head", "body")

    def __init__(self, status, head, body):
        self.status, self.head, self.body = status, head, body

    def header(self, name):
        at = self.head.find(b"\r\n" + name + b": ")
        if at < 0:
            return None
        at += len(name) + 4
        return self.head[at : self.head.find(b"\r\n", at)].decode()

    def headers(self, name):
        lines = (line.split(b": ", 1) for line in self.head.split(b"\r\n")[1:] if b": " in line)
        return [value.decode() for key, value in lines if key == name]


class Line(asyncio.Protocol):
    """A connection that is kept. `ask` gives the answers that came, in order; fewer than asked when it broke."""

    def __init__(self):
        self.bytes, self.answers, self.wanted, self.waiting, self.is_open = b"", [], 0, None, False

    @classmethod
    async def to(cls, address):
        connecting = asyncio.get_running_loop().create_connection(cls, *address)
        _, line = await asyncio.wait_for(connecting, CONNECT_S)
        return line

    def connection_made(self, transport):
        self.transport, self.is_open = transport, True

    def connection_lost(self, _):
        self.is_open = False
        self.finish()

    def finish(self):
        if self.waiting and not self.waiting.done():
            self.waiting.set_result(None)

    def close(self):
        self.is_open = False
        self.transport.abort()

    async def ask(self, requests):
        self.answers, self.wanted = [], len(requests)
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write(b"".join(requests))
        try:
            await asyncio.wait_for(self.waiting, PATIENCE_S)
        except asyncio.TimeoutError:
            self.close()
        return self.answers

    def data_received(self, data):
        self.bytes += data
        while (answer := self.next()) is not None:
            self.answers.append(answer)
        if len(self.answers) >= self.wanted:
            self.finish()

    def next(self):
        end = self.bytes.find(b"\r\n\r\n")
        if end < 0:
            return None
        head, status, begin = self.bytes[: end + 2], int(self.bytes[9:12]), end + 4
        at = head.find(b"\r\ncontent-length: ")
        if at >= 0:
            length = int(head[at + 18 : head.find(b"\r\n", at + 18)])
        elif status == 204 or status == 304:
            length = 0
        elif b"\r\ntransfer-encoding: chunked" in head:
            return self.chunked(status, head, begin)
        else:
            length = 0
        if len(self.bytes) < begin + length:
            return None
        body, self.bytes = self.bytes[begin : begin + length], self.bytes[begin + length :]
        return Answer(status, head, body)

    def chunked(self, status, head, at):
        body = b""
        while True:
            end = self.bytes.find(b"\r\n", at)
            if end < 0:
                return None
            size, at = int(self.bytes[at:end].split(b";")[0], 16), end + 2
            if len(self.bytes) < at + size + 2:
                return None
            body, at = body + self.bytes[at : at + size], at + size + 2
            if size == 0:
                self.bytes = self.bytes[at:]
                return Answer(status, head, body)


def request(method, host, path, headers=(), body=b""):
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}"] + [f"{name}: {value}" for name, value in headers]
    if body or method in ("POST", "PATCH", "PUT"):
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def form(fields):
    return urlencode(fields).encode(), ("content-type", "application/x-www-form-urlencoded")


async def once(address, bytes):
    """One request on a connection of its own; nothing where no whole answer came."""
    try:
        line = await Line.to(address)
    except (OSError, asyncio.TimeoutError):
        return None
    answers = await line.ask([bytes])
    line.close()
    return answers[0] if answers else None
