#!/usr/bin/env python3
"""feed.py FILE.hevc WxH FPS NODE: writes a raw H.265 stream into a v4l2loopback node for ever, an access unit a buffer
(ffmpeg's v4l2 output knows no H.265)."""
import fcntl, os, struct, sys, time


def cut(d):
    units, cur, vcl, i = [], b'', False, d.find(b'\0\0\1')
    while i >= 0:
        j = d.find(b'\0\0\1', i + 3)
        nal = d[i + 3:].rstrip(b'\0') if j < 0 else d[i + 3:j].rstrip(b'\0')
        kind = nal[0] >> 1 & 63
        if vcl and (kind < 32 and nal[2] & 0x80 or 32 <= kind <= 35 or kind == 39): units.append(cur); cur, vcl = b'', False
        cur += b'\0\0\0\1' + nal; vcl |= kind < 32; i = j
    return units + [cur]


path, size, fps, node = sys.argv[1:]
width, height = map(int, size.split('x'))
units = cut(open(path, 'rb').read())
fd = os.open(node, os.O_RDWR)
VIDIOC_S_FMT, OUTPUT, FIELD_NONE = 0xc0d05605, 2, 1
pix = struct.pack('<II4sIIIII', width, height, b'HEVC', FIELD_NONE, 0, width * height * 2, 0, 0)
fcntl.ioctl(fd, VIDIOC_S_FMT, struct.pack('<II', OUTPUT, 0) + pix.ljust(200, b'\0'))
due = time.monotonic()
while True:
    for unit in units:
        due = max(due + 1 / float(fps), time.monotonic() - 1); time.sleep(max(0, due - time.monotonic()))
        os.write(fd, unit)
