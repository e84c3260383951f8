"""What the way in costs alone: every request is read wholly and gets the same answer."""

import asyncio
import os
import socket

import httptools

BODY = b'{"predictions":[0]}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(BODY),
    BODY,
)


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data):
        self.parser.feed_data(data)

    def on_message_begin(self):
        self.headers, self.body = [], []

    def on_url(self, url):
        self.url = url

    def on_header(self, name, value):
        self.headers.append((name, value))

    def on_body(self, part):
        self.body.append(part)

    def on_message_complete(self):
        b"".join(self.body)
        self.transport.write(ANSWER)


async def serve(listening):
    server = await asyncio.get_running_loop().create_server(Echo, sock=listening)
    await server.serve_forever()


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=2048)
    for _ in range(int(os.environ["WORKERS"]) - 1):
        if os.fork() == 0:
            break
    asyncio.run(serve(listening))
