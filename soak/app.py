"""The app behind Tenantry: answers with what `Tenantry-Identity` says, and fails when it is told to.

usage: app.py SOCKET, and then lines on standard input: `well`, `dead` (listens no more, cuts its connections), `slow`
(every fourth answer takes longer than Tenantry waits, the others 50 ms).
"""

import asyncio
import base64
import json
import os
import sys

HEAD_END = b"\r\n\r\n"
IDENTITY = b"\r\ntenantry-identity: "
LATE_S = 4.0
LITTLE_S = 0.05


class App:
    def __init__(self, socket):
        self.socket, self.server, self.open = socket, None, set()
        self.state, self.count, self.seen = "well", 0, {}

    async def be(self, state):
        self.state = state
        if state == "dead":
            self.server.close()
            os.unlink(self.socket)
            for connection in list(self.open):
                connection.transport.abort()
        elif self.server is None or not self.server.is_serving():
            self.server = await asyncio.get_running_loop().create_unix_server(lambda: Connection(self), self.socket)
            os.chmod(self.socket, 0o666)

    def answer(self, head):
        """The whole answer: whose request it was, in one line that the checker compares."""
        at = head.find(IDENTITY)
        token = head[at + len(IDENTITY) : head.find(b"\r\n", at + 4)] if at >= 0 else b""
        if token not in self.seen:
            if len(self.seen) > 20_000:
                self.seen.clear()
            self.seen[token] = whole(saw(token))
        return self.seen[token]

    def pause(self):
        self.count += 1
        if self.state != "slow":
            return 0.0
        return LATE_S if self.count % 4 == 0 else LITTLE_S


def saw(token):
    if not token:
        return b"nobody"
    payload = token.split(b".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    tenant = claims.get("tenant") or {}
    return f"{tenant.get('slug', '-')}|{claims.get('mode', '-')}|{claims['actor']}|{claims['sub']}".encode()


def whole(line):
    return b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-saw: %s\r\ncontent-length: 2\r\n\r\nok" % line


class Connection(asyncio.Protocol):
    def __init__(self, app):
        self.app, self.bytes = app, b""

    def connection_made(self, transport):
        self.transport = transport
        self.app.open.add(self)

    def connection_lost(self, _):
        self.app.open.discard(self)

    def data_received(self, data):
        self.bytes += data
        while (end := self.bytes.find(HEAD_END)) >= 0:
            head, self.bytes = self.bytes[: end + 2], self.bytes[end + 4 :]
            answer, pause = self.app.answer(head), self.app.pause()
            if pause:
                asyncio.get_running_loop().call_later(pause, self.send, answer)
            else:
                self.send(answer)

    def send(self, answer):
        if not self.transport.is_closing():
            self.transport.write(answer)


async def main(socket):
    app = App(socket)
    await app.be("well")
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print("ready", flush=True)
    while line := await reader.readline():
        await app.be(line.decode().strip())
        print("done", flush=True)


asyncio.run(main(sys.argv[1]))
