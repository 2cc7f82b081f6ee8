#!/usr/bin/env python3
"""camera.py: in the guest of `run`, cameras whose driver answers otherwise than it was asked (labcam), while readers watch.

Of three mounts of one server two have such a camera, one through the board's encoder (labcodec, which is lossless), one through
the processor; the third one's camera is well. Each row of ROWS makes both open their cameras anew. What can be served is served
whole: some of it is kept, which `exact.py` holds against the pattern byte for byte (what the processor codes is near it).
What cannot is refused in a sentence that names the node. All readers were there before: they miss no packet, time goes on, and
pictures are back when the row is over.
"""
import os, re, struct, subprocess, sys, time

sys.path.insert(0, os.environ['LAB'])
import faults, reader
from reader import Failed, Reader, until

reader.PORT = 8558
LOG = faults.LOG = '/lab/out/serve.camera.log'
OUT, CAM = '/lab/out/', '/sys/module/labcam/parameters/'
NODES = {'hard': '/dev/video50', 'soft': '/dev/video51'}
CONFIG = '''(listen: ["127.0.0.1:8558"], mounts: {
    "hard": Camera(device: "/dev/video50", width: 322, height: 180, fps: 10, gop: 5, encode: Hardware),
    "soft": Camera(device: "/dev/video51", width: 322, height: 180, fps: 10, gop: 5, encode: Software),
    "well": Camera(device: "/dev/video52", width: 160, height: 90, fps: 10, encode: Software),
})'''
WELL = dict(offer='YUYV', gives='\n', refuse='N', no_rate='N', width=0, height=0, pad=0, size=100, other_rate=0, jump=1, clock=0, used=100, error=0)
# What the driver does; the format and the size that are received then, or what the log says of both mounts.
RAW = ('YUYV', (322, 180))
ROWS = [
    ('odd-yuyv', dict(pad=34), RAW, None),
    ('odd-uyvy', dict(offer='UYVY', pad=6), ('UYVY', (322, 180)), None),
    ('other-format', dict(gives='NV12'), None, 'asked for YUYV, the driver gives NV12'),
    ('odd-nv12', dict(offer='NV12', pad=34), ('NV12', (322, 180)), None),
    ('refused', dict(refuse='Y'), None, 'VIDIOC_S_FMT'),
    ('odd-yv12', dict(offer='YV12', pad=34), ('YV12', (322, 180)), None),
    ('unknown', dict(offer='ZQ7!'), None, 'ZQ7!'),
    ('other-size', dict(width=200, height=120), ('YUYV', (200, 120)), 'asked for'),
    ('small', dict(size=50), None, 'broken picture'),
    ('no-rate, unknown-clock', dict(no_rate='Y', clock=2), RAW, None),
    ('other-rate', dict(other_rate=1000), RAW, None),
]
# What comes over cameras that stream: the same, and what is received is held against the pattern once it is over.
LIVE = [
    ('jump', dict(jump=7000), True, None),
    ('back', dict(clock=1), True, None),
    ('no-stamp', dict(clock=3), True, None),
    ('some-damaged', dict(error=3), True, 'damaged, says the driver'),
    ('damaged', dict(error=1), False, 'damaged, says the driver'),
    ('short', dict(used=50), False, 'broken picture'),
    ('empty', dict(used=0), False, 'broken picture'),
]
# What played for longer than a second is tried anew after a second.
LONG = 1.3


class Kept(Reader):
    """Keeps the access units of ten pictures from a keyframe on, when it is told to."""
    kept, left = b'', 0

    def keep(self): self.kept, self.left, self.begun = b'', 10, False

    def took(self, packet):
        if not self.left: return
        data = packet[12 + 4 * (packet[0] & 15):]
        kind = data[0] & 31
        if kind == 24:
            at, units = 1, []
            while at < len(data):
                length = struct.unpack_from('>H', data, at)[0]
                units.append(data[at + 2:at + 2 + length]); at += 2 + length
            whole = b''.join(b'\0\0\0\1' + unit for unit in units); first = units[0][0] & 31
        elif kind == 28:
            first = data[1] & 31 if data[1] & 0x80 else None
            whole = (b'\0\0\0\1' + bytes([data[0] & 0xe0 | first]) if first else b'') + data[2:]
        else: whole, first = b'\0\0\0\1' + data, kind
        if first == 7: self.begun = True
        if not self.begun: return
        self.kept += whole
        if packet[1] & 0x80: self.left -= 1


def camera(**parameters):
    for name, value in parameters.items(): open(CAM + name, 'w').write(str(value))


deaths = 0


def again(**parameters):
    """The cameras are so from now on, and both are opened anew."""
    global deaths
    deaths += 1
    camera(**parameters)
    camera(die=deaths)


def exact(name, readers, fourcc, size):
    """Ten pictures of each mount, and what they are to be, by which `exact.py` draws the pattern."""
    for mount in NODES: readers[mount].keep()
    for mount in NODES: until(f'/{mount}: ten pictures from a keyframe on', lambda: not readers[mount].left, 20)
    for mount in NODES:
        open(f'{OUT}cam-{mount}-{name}.h264', 'wb').write(readers[mount].kept)
        open(f'{OUT}cam-{mount}', 'a').write(f'cam-{mount}-{name} {fourcc} {size[0]}x{size[1]} 0\n')


def have(name, parameters, served, words, readers, anew):
    told = {mount: faults.said_of(mount, words) if words else 0 for mount in NODES}
    since = time.monotonic()
    if anew: again(**(WELL | parameters))
    else: camera(**parameters)
    if words:
        for mount, node in NODES.items():
            until(f'{words!r} is told of /{mount}', lambda: faults.said_of(mount, words) > told[mount], 20)
            last = [line for line in open(LOG, errors='replace') if words in line and f'mount="{mount}"' in line][-1]
            if node not in last: raise Failed(f'it is not told which node: {last}')
    if served:
        for mount in NODES: until(f'/{mount} plays', lambda: readers[mount].playing(since), 30)
        if name.startswith(('odd', 'other-size')): exact(name, readers, *served)
        if anew: time.sleep(max(0, LONG - (time.monotonic() - min(readers[mount].playing(since) for mount in NODES))))
    until('/well plays meanwhile', lambda: readers['well'].playing(since), 10)
    took, over = time.monotonic() - since, time.monotonic()
    if not anew:
        camera(**WELL)
        for mount in NODES: until(f'/{mount} plays after it', lambda: readers[mount].playing(over), 30)
    print(f'ok: {name}: {"served" if served else "refused"}, {took:.1f} s', flush=True)


def too_much():
    """A reload asks for more than the encoder that runs codes at: it is refused, and everything is as it was."""
    open('/tmp/camera.ron', 'w').write(CONFIG.replace('encode: Hardware', 'encode: Hardware, bitrate: 30000000'))
    done = subprocess.run([faults.LENSLET, 'reload', '--control', '/tmp/camera.control'], capture_output=True, text=True)
    said, why = done.stdout + done.stderr, 'mounts["hard"].bitrate: bcm2835-codec-encode codes at '
    if not done.returncode or why not in said: raise Failed(f'a bitrate that the encoder refuses: {done.returncode}: {said}')
    print(f'ok: {said.strip()}', flush=True)


def main():
    for mount in NODES: open(f'{OUT}cam-{mount}', 'w').close()
    open('/tmp/camera.ron', 'w').write(CONFIG)
    camera(**WELL)
    # A write of nothing would be none.
    faults.codec(only='\n', no_dmabuf='N')
    server = subprocess.Popen([faults.LENSLET, 'serve', '-v', '--config', '/tmp/camera.ron', '--control', '/tmp/camera.control'], stdout=open(LOG, 'w'), stderr=subprocess.STDOUT)
    faults.serving.append(server)
    failures, readers = [], {}
    try:
        until('the server listens', lambda: faults.said('listening'))
        for mount in (*NODES, 'well'): readers[mount] = Kept(mount)
        for mount in readers: until(f'/{mount} plays', readers[mount].playing)
        open_before = len(faults.opened())
        for rows, anew in ((ROWS, True), (LIVE, False)):
            for name, parameters, served, words in rows:
                try: have(name, parameters, served, words, readers, anew)
                except Failed as error: failures.append(f'{name}: {error}')
            again(**WELL)
            since = time.monotonic()
            for mount in NODES: until(f'/{mount} plays again', lambda: readers[mount].playing(since), 30)
        too_much()
        exact('after-all', readers, *RAW)
        until('as many descriptors as before', lambda: len(faults.opened()) <= open_before, 20)
        # A driver whose numbers leap has not missed thousands.
        for line in open(LOG, errors='replace'):
            if re.search(r'\b[1-9]\d{3,} (missed|lost)', line): failures.append(line.strip())
            if 'Plane {' in line: failures.append(f'no sentence: {line.strip()}')
        print(f'{open_before} descriptors before, {len(faults.opened())} after', flush=True)
        failures += [reader.wrong for reader in readers.values() if reader.wrong]
        for mount in readers: print(f'/{mount}: {readers[mount].packets} packets, none missing, the longest pause {readers[mount].longest:.1f} s', flush=True)
    except Failed as error: failures.append(str(error))
    finally: ended = faults.stop(server)
    if faults.said('an error in Lenslet itself'): failures.append('something panicked')
    if ended: failures.append(f'the server ended with {ended}')
    for failure in failures: print(f'FAIL: {failure}', flush=True)
    if failures: subprocess.run(['tail', '-n', '100', LOG])
    sys.exit(bool(failures))


main()
