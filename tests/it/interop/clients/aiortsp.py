"""aiortsp, which plays one track a session: prints a line an RTP packet of each."""
import asyncio
import sys

from aiortsp.rtsp.connection import RTSPConnection
from aiortsp.rtsp.session import RTSPMediaSession
from aiortsp.transport import RTPTransportClient, transport_for_scheme

url, transport, *wanted = sys.argv[1:]


class Reader(RTPTransportClient):
    """Takes packets until it has so many with a marker."""

    def __init__(self, kind, left):
        self.kind, self.left, self.done = kind, left, asyncio.Event()

    def handle_rtp(self, rtp):
        if not self.done.is_set():
            print(self.kind, bytes(rtp).hex())
            self.left -= rtp.m
            if self.left == 0:
                self.done.set()

    def handle_closed(self, error):
        self.done.set()


async def play(kind, count):
    host, port = url.split("/")[2].split(":")
    way = transport_for_scheme("rtspt" if transport == "tcp" else "rtsp")
    async with RTSPConnection(host, int(port)) as connection, way(connection) as packets:
        reader = Reader(kind, count)
        packets.subscribe(reader)
        async with RTSPMediaSession(connection, url, packets, media_type=kind) as session:
            await session.play()
            await reader.done.wait()


async def main():
    counts = dict(zip(("video", "audio"), map(int, wanted)))
    await asyncio.gather(*(play(*track) for track in counts.items()))


asyncio.run(main())
