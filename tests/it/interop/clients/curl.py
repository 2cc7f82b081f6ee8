"""libcurl: RTSP's requests and interleaved packets; packets by UDP come to sockets beside it.

Prints a line an RTP packet. curl itself asks for OPTIONS and no more.
"""
import ctypes
import select
import socket
import sys

url, transport, *wanted = sys.argv[1:]
left = dict(enumerate(map(int, wanted)))
KINDS = "video", "audio"
OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, RECEIVE = 1, 2, 4, 5, 8, 11

curl = ctypes.CDLL("libcurl.so.4")
curl.curl_easy_init.restype = ctypes.c_void_p
easy = ctypes.c_void_p(curl.curl_easy_init())
CALLED = ctypes.CFUNCTYPE(
    ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p
)


def number(option, value):
    assert curl.curl_easy_setopt(easy, ctypes.c_int(option), ctypes.c_long(value)) == 0, option


def text(option, value):
    assert curl.curl_easy_setopt(easy, ctypes.c_int(option), ctypes.c_char_p(value.encode())) == 0, option


def take(track, packet):
    if left[track] > 0:
        print(KINDS[track], packet.hex())
        left[track] -= packet[1] >> 7


@CALLED
def on_frame(at, size, count, _):
    frame = ctypes.string_at(at, size * count)
    if frame[1] % 2 == 0:
        take(frame[1] // 2, frame[4:])
    return size * count


@CALLED
def on_body(_at, size, count, _):
    return size * count


def ask(method, uri):
    number(189, method)  # CURLOPT_RTSP_REQUEST
    text(10191, uri)  # CURLOPT_RTSP_STREAM_URI
    result = curl.curl_easy_perform(easy)
    status = ctypes.c_long()
    curl.curl_easy_getinfo(easy, ctypes.c_int(0x200002), ctypes.byref(status))
    if result != 0 or method != RECEIVE and status.value != 200:
        sys.exit(f"request {method}: result {result}, status {status.value}")


def pair():
    """Sockets on an even port and the one above."""
    while True:
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        sockets[0].bind(("127.0.0.1", 0))
        port = sockets[0].getsockname()[1]
        try:
            if port % 2 == 0:
                sockets[1].bind(("127.0.0.1", port + 1))
                return port, sockets
        except OSError:
            pass


text(10002, url)  # CURLOPT_URL
assert curl.curl_easy_setopt(easy, ctypes.c_int(20011), on_body) == 0  # CURLOPT_WRITEFUNCTION
assert curl.curl_easy_setopt(easy, ctypes.c_int(20196), on_frame) == 0  # CURLOPT_INTERLEAVEFUNCTION
ask(OPTIONS, url)
ask(DESCRIBE, url)
sockets = {}
for track in left:
    if transport == "tcp":
        way = f"RTP/AVP/TCP;unicast;interleaved={2 * track}-{2 * track + 1}"
    else:
        port, pair_of = pair()
        sockets[pair_of[0]] = track
        way = f"RTP/AVP;unicast;client_port={port}-{port + 1}"
    text(10192, way)  # CURLOPT_RTSP_TRANSPORT
    ask(SETUP, f"{url}/trackID={track}")
ask(PLAY, url)
while max(left.values()) > 0:
    if transport == "tcp":
        ask(RECEIVE, url)
        continue
    for ready in select.select(list(sockets), [], [])[0]:
        take(sockets[ready], ready.recv(65536))
ask(TEARDOWN, url)
