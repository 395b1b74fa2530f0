"""Those who watch a dashboard: so many streams, read as they come, in a process of their own.

    python -m bench.peers.viewers LINK COUNT

Says ``ready`` when each has got something; ends when its input does, and prints the bytes read.
"""

from __future__ import annotations

import asyncio
import os
import sys
from urllib.parse import urlsplit


class Viewers:
    def __init__(self, link: str) -> None:
        parts = urlsplit(link)
        self._host, self._port = parts.hostname, parts.port
        self._key = parts.fragment.removeprefix("key=")
        self.bytes = 0

    async def watch(self, begun: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        head = f"Host: {self._host}\r\nAuthorization: Bearer {self._key}\r\n\r\n"
        writer.write(f"GET /api/stream HTTP/1.1\r\n{head}".encode())
        while data := await reader.read(65536):
            assert self.bytes or data.startswith(b"HTTP/1.1 200 "), data[:100]
            self.bytes += len(data)
            begun.set()


async def main() -> None:
    viewers = Viewers(sys.argv[1])
    begun = [asyncio.Event() for _ in range(int(sys.argv[2]))]
    tasks = [asyncio.create_task(viewers.watch(one)) for one in begun]
    for one in begun:
        await one.wait()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(viewers.bytes, flush=True)
    assert not any(task.done() for task in tasks), "a viewer was let go"
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
