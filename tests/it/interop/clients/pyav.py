"""PyAV: writes the pictures' packets to a file; prints a line a picture and a sound frame."""
import sys

import av

url, transport, stream, count = sys.argv[1:]
av.logging.set_level(av.logging.WARNING)
av.logging.restore_default_callback()
container = av.open(url, options={"rtsp_transport": transport})
left = int(count)
with open(stream, "wb") as file:
    for packet in container.demux():
        if packet.stream.type == "audio":
            packet.decode()
            print("sound", packet.pts * packet.time_base, bytes(packet).hex())
            continue
        file.write(bytes(packet))
        for frame in packet.decode():
            print("picture", frame.time)
            left -= 1
        if left <= 0:
            break
