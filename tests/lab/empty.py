#!/usr/bin/env python3
"""empty.py NODE: gives an encoder a picture without a byte, as nobody should."""
import fcntl, os, struct, sys, ctypes

S_FMT, REQBUFS, QBUF = 0xc0d05605, 0xc0145608, 0xc058560f
OUTPUT_MPLANE, MMAP = 10, 1
node = os.open(sys.argv[1], os.O_RDWR)
pix = struct.pack('<II4sII', 320, 240, b'NV12', 1, 0)
fcntl.ioctl(node, S_FMT, struct.pack('<II', OUTPUT_MPLANE, 0) + pix.ljust(200, b'\0'))
fcntl.ioctl(node, REQBUFS, struct.pack('<IIIII', 1, OUTPUT_MPLANE, MMAP, 0, 0))
plane = ctypes.create_string_buffer(64)
buffer = struct.pack('<IIIII4x', 0, OUTPUT_MPLANE, 0, 0, 1) + bytes(16) + bytes(16)
buffer += struct.pack('<IIQIIi', 0, MMAP, ctypes.addressof(plane), 1, 0, 0)
fcntl.ioctl(node, QBUF, buffer.ljust(88, b'\0'))
