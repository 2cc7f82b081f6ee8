#!/usr/bin/env python3
"""bad.py: in the guest of `run`, cameras that give what no camera should, while a reader watches.

Three v4l2loopback nodes are written to from here: H.264 and JPEGs that are passed on, and JPEGs that are decoded and
coded again. Each is given its bad input in turn: garbage, pictures cut short, pictures of another size, none, and one a minute. The
readers were there before: they miss no packet, time goes on for them, no BYE comes, and pictures are back when it is over; the
log says why they were not there.
"""
import fcntl, os, re, struct, subprocess, sys, threading, time

sys.path.insert(0, os.environ['LAB'])
import faults, reader
from reader import Failed, Reader, until

# Others are watched beside it.
reader.PORT, reader.OFF = 8557, 8
LOG = faults.LOG = '/lab/out/serve.bad.log'
CONFIG = '''(listen: ["127.0.0.1:8557"], mounts: {
    "h264": Camera(device: "/dev/video11"),
    "jpeg": Camera(device: "/dev/video12"),
    "coded": Camera(device: "/dev/video13", encode: Software),
})'''
FPS = 15
# Seconds of each, what the log says of it, and of which mounts; twice the same is told once.
BAD = [
    ('garbage', 9, 'broken picture', ('h264', 'jpeg', 'coded')),
    ('short', 4, 'cut short', ('h264', 'jpeg', 'coded')),
    ('size', 4, 'of another size', ('coded',)),
    ('none', 20, 'no picture for 10 s', ('h264', 'jpeg', 'coded')),
    ('slow', 64, None, ()),
]


def cut(path):
    data = open(path, 'rb').read()
    if path.endswith('jpeg'):
        return [data[m.start():m.end()] for m in re.finditer(rb'\xff\xd8\xff.*?\xff\xd9', data, re.S)]
    units, unit, coded = [], b'', False
    for nal in filter(None, data.split(b'\0\0\1')):
        kind, nal = nal[0] & 31, nal.rstrip(b'\0')
        if coded and (kind in (6, 7, 8, 9) or kind in (1, 5) and nal[1] & 0x80): units.append(unit); unit, coded = b'', False
        unit += b'\0\0\0\1' + nal; coded |= kind in (1, 5)
    return units + [unit]


class Feeder(threading.Thread):
    """Writes into a node, an access unit a buffer."""
    def __init__(self, node, fourcc, right, other):
        super().__init__(daemon=True)
        self.mode, self.right, self.other = 'right', cut(right), cut(other)
        self.node = os.open(node, os.O_RDWR)
        pix = struct.pack('<II4sIIIII', 320, 240, fourcc, 1, 0, 320 * 240 * 2, 0, 0)
        fcntl.ioctl(self.node, 0xc0d05605, struct.pack('<II', 2, 0) + pix.ljust(200, b'\0'))
        self.start()

    def run(self):
        was, number, last = 'right', 0, 0
        while True:
            mode = self.mode
            if mode != was: was, number = mode, 0           # right again from a keyframe on
            time.sleep(1 / FPS)
            if mode == 'none' or mode == 'slow' and time.monotonic() < last + 60: continue
            last = time.monotonic()
            film = self.other if mode == 'size' else self.right
            unit = film[number % len(film)]; number += 1
            if mode == 'garbage': unit = b'\x55' * 3000
            if mode == 'short': unit = unit[:len(unit) // 2]
            os.write(self.node, unit)


def have(mount, reader, feeder, failures):
    name = 'before the first'
    try:
        for name, seconds, words, told_of in BAD:
            until(f'/{mount} plays before: {name}', reader.playing)
            feeder.mode = name
            time.sleep(seconds)
            over = time.monotonic()
            feeder.mode = 'right'
            until(f'/{mount}: pictures after: {name}', lambda: reader.playing(over))
            told = sum(words in line and f'mount="{mount}"' in line for line in open(LOG, errors='replace')) if words else 0
            if mount in told_of and not 0 < told < seconds + 3: raise Failed(f'{words!r} is told {told} times')
            # Another size comes with parameter sets of its own, and a picture now and then is a rhythm: both are served.
            how = f'told {told} times' if mount in told_of else 'served as it comes'
            print(f'ok: /{mount}: {name}: {how}, pictures {reader.playing(over) - over:.1f} s after it was over', flush=True)
    except Exception as error: failures.append(f'/{mount}: {name}: {type(error).__name__} {error}')


def main():
    films = os.environ['H264'], os.environ['OTHER_H264'], os.environ['MJPEG'], os.environ['OTHER_MJPEG']
    feeders = {'h264': Feeder('/dev/video11', b'H264', *films[:2]), 'jpeg': Feeder('/dev/video12', b'MJPG', *films[2:]),
               'coded': Feeder('/dev/video13', b'MJPG', *films[2:])}
    open('/tmp/bad.ron', 'w').write(CONFIG)
    server = subprocess.Popen([faults.LENSLET, 'serve', '-v', '--config', '/tmp/bad.ron', '--control', '/tmp/bad.control'], stdout=open(LOG, 'w'), stderr=subprocess.STDOUT)
    failures = []
    try:
        until('the server listens', lambda: faults.said('listening'))
        readers = {mount: Reader(mount) for mount in feeders}
        threads = [threading.Thread(target=have, args=(mount, readers[mount], feeders[mount], failures)) for mount in feeders]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        failures += [reader.wrong for reader in readers.values() if reader.wrong]
        if faults.said('an error in Lenslet itself'): failures.append('something panicked')
        for mount, reader in readers.items(): print(f'/{mount}: {reader.packets} packets, none missing, at most {reader.off:.1f} s off the clock', flush=True)
    except Failed as error: failures.append(str(error))
    finally: ended = faults.stop(server)
    if ended: failures.append(f'the server ended with {ended}')
    for failure in failures: print(f'FAIL: {failure}', flush=True)
    if failures: subprocess.run(['tail', '-n', '60', LOG])
    sys.exit(bool(failures))


main()
