#!/usr/bin/env python3
"""camera.py [planes]: in the guest of `run`, cameras whose driver answers otherwise than it was asked (labcam), while readers
watch; `planes` is of those of its multi-planar nodes.

Of three mounts of one server two have such a camera, one through the board's encoder (labcodec, which is lossless), one through
the processor; the third one's camera is well. Each row of ROWS makes both open their cameras anew. What can be served is served
whole: some of it is kept, which `exact.py` holds against the pattern byte for byte (what the processor codes is near it), and
the encoder had it as the row says: in the camera's own buffers (shared), or copied once; of all its pictures, by the log's counts.
What cannot is refused in a sentence that names the node. All readers were there before: they miss no packet, time goes on, and
pictures are back when the row is over.
"""
import collections, os, re, struct, subprocess, sys, time

sys.path.insert(0, os.environ['LAB'])
import faults, reader
from reader import Failed, Reader, until

reader.PORT, reader.OFF = 8558, 8
PLANES = sys.argv[1:] == ['planes']
LOG = faults.LOG = f'/lab/out/serve.camera{"-planes" * PLANES}.log'
OUT, CAM = '/lab/out/', '/sys/module/labcam/parameters/'
NODES = {'hard': '/dev/video50', 'soft': '/dev/video51'}
CONFIG = '''(listen: ["127.0.0.1:8558"], mounts: {
    "hard": Camera(device: "/dev/video50", width: 322, height: 180, fps: 10, gop: 5, encode: Hardware),
    "soft": Camera(device: "/dev/video51", width: 322, height: 180, fps: 10, gop: 5, encode: Software),
    "well": Camera(device: "/dev/video52", width: 160, height: 90, fps: 10, encode: Software),
})'''
WELL = dict(offer='YUYV', gives='\n', refuse='N', no_rate='N', width=0, height=0, pad=0, pad_chroma=0, size=100, other_rate=0, jump=1, clock=0, used=100, error=0)
# A write of nothing would be none.
CODEC = dict(only='\n', line=64, round=2, no_dmabuf='N')
# What the driver does; the format and the size that are received then; what the log says of both mounts; what the encoder is told
# to be, and how it has the pictures: those are exact.
Row = collections.namedtuple('Row', 'name camera served words codec memory', defaults=(None, {}, None))
SIZE = (322, 180)
RAW = ('YUYV', SIZE)
SINGLE = [
    Row('odd-yuyv', dict(pad=34), RAW, memory='copied'),
    Row('odd-uyvy', dict(offer='UYVY', pad=6), ('UYVY', SIZE), memory='copied'),
    Row('other-format', dict(gives='NV12'), None, 'asked for YUYV, the driver gives NV12'),
    Row('odd-nv12', dict(offer='NV12', pad=34), ('NV12', SIZE), memory='copied'),
    Row('refused', dict(refuse='Y'), None, 'VIDIOC_S_FMT'),
    Row('odd-yv12', dict(offer='YV12', pad=34), ('YV12', SIZE), memory='copied'),
    Row('unknown', dict(offer='ZQ7!'), None, 'ZQ7!'),
    # Lines longer than their samples, and the encoder reads them where they are: it takes any even length, or what is 64 bytes' multiple.
    Row('padded-yuyv', dict(pad=34), RAW, None, dict(line=2), 'shared'),
    Row('padded-uyvy', dict(offer='UYVY', pad=60), ('UYVY', SIZE), memory='shared'),
    Row('short-lines', dict(pad=-34), None, 'lines of 644 bytes cannot be 610 bytes apart'),
    Row('padded-nv12', dict(offer='NV12', pad=34), ('NV12', SIZE), None, dict(line=2), 'shared'),
    Row('padded-nv21', dict(offer='NV21', pad=62), ('NV21', SIZE), memory='shared'),
    Row('padded-yu12', dict(offer='YU12', pad=6), ('YU12', SIZE), None, dict(line=2), 'shared'),
    Row('padded-yv12', dict(offer='YV12', pad=126), ('YV12', SIZE), None, dict(line=4), 'shared'),
    Row('by-one', dict(offer='NV12', pad=1), ('NV12', SIZE), None, dict(line=2), 'copied'),
    # An encoder of whole macroblocks, which is told what of them to show.
    Row('macroblocks', dict(offer='NV12', pad=62), ('NV12', SIZE), None, dict(round=16), 'copied'),
    Row('other-size', dict(width=200, height=120), ('YUYV', (200, 120)), 'asked for', memory='copied'),
    Row('small', dict(size=50), None, 'broken picture'),
    Row('no-rate, unknown-clock', dict(no_rate='Y', clock=2), RAW),
    Row('other-rate', dict(other_rate=1000), RAW),
]
# One, two and three planes of memory, each with lines of a length of its own.
SEVERAL = [
    Row('one-plane', dict(offer='NV12', pad=34), ('NV12', SIZE), None, dict(line=2), 'shared'),
    Row('nm12-to-one', dict(offer='NM12', pad=34, pad_chroma=10), ('NV12', SIZE), memory='copied'),
    Row('nm12', dict(offer='NM12', pad=34, pad_chroma=34), ('NV12', SIZE), None, dict(only='NM12', line=2), 'shared'),
    Row('nm12-apart', dict(offer='NM12', pad=34, pad_chroma=10), ('NV12', SIZE), None, dict(only='NM12', line=2), 'shared'),
    Row('nm21-apart', dict(offer='NM21', pad=6, pad_chroma=66), ('NV21', SIZE), None, dict(only='NM21', line=2), 'shared'),
    Row('nm21-odd', dict(offer='NM21', pad=10, pad_chroma=66), ('NV21', SIZE), None, dict(only='NM21'), 'copied'),
    Row('short-chroma', dict(offer='NM12', pad_chroma=-2), None, 'lines of 322 bytes cannot be 320 bytes apart'),
    Row('ym12-to-one', dict(offer='YM12', pad=6, pad_chroma=9), ('YU12', SIZE), memory='copied'),
    Row('ym12-apart', dict(offer='YM12', pad=6, pad_chroma=9), ('YU12', SIZE), None, dict(only='YM12', line=2), 'shared'),
    Row('ym21-apart', dict(offer='YM21', pad=34, pad_chroma=1), ('YV12', SIZE), None, dict(only='YM21', line=2), 'shared'),
    Row('nm21-converted', dict(offer='NM21', pad=34, pad_chroma=10), ('NV21', SIZE), None, dict(only='YU12'), 'copied'),
    Row('small', dict(offer='NM12', size=50), None, 'broken picture'),
]
ROWS = SEVERAL if PLANES else SINGLE
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


def again(codec={}, **parameters):
    """The cameras and the encoder are so from now on, and both are opened anew."""
    global deaths
    deaths += 1
    faults.codec(**(CODEC | codec))
    camera(**parameters)
    camera(die=deaths)


def exact(name, readers, fourcc, size):
    """Ten pictures of each mount, and what they are to be, by which `exact.py` draws the pattern."""
    for mount in NODES: readers[mount].keep()
    for mount in NODES: until(f'/{mount}: ten pictures from a keyframe on', lambda: not readers[mount].left, 20)
    for mount in NODES:
        open(f'{OUT}cam-{mount}-{name}.h264', 'wb').write(readers[mount].kept)
        open(f'{OUT}cam-{mount}', 'a').write(f'cam-{mount}-{name} {fourcc} {size[0]}x{size[1]} 0\n')


def counted():
    """How the board's encoder had the pictures of each run that is over: those of the camera's own buffers, those that were copied."""
    lines = [line for line in open(LOG, errors='replace') if 'mount="hard"' in line]
    found = (re.search(r'(\d+) pictures coded without a copy, (\d+) copied', line) for line in lines)
    return [tuple(map(int, match.groups())) for match in found if match]


def have_had(name, memory, runs):
    """What began after so many runs is over: it was that row's."""
    until('the log has its counts', lambda: len(counted()) > runs, 20)
    shared, copied = counted()[runs]
    if (copied if memory == 'shared' else shared) or (shared if memory == 'shared' else copied) < 10:
        raise Failed(f'{shared} pictures were read in the camera\'s own buffers, {copied} copied')
    print(f'ok: {name}: {shared or copied} pictures, each {memory}', flush=True)


def have(name, parameters, served, words, readers, anew, codec={}, memory=None):
    told = {mount: faults.said_of(mount, words) if words else 0 for mount in NODES}
    since = time.monotonic()
    if anew: again(codec, **(WELL | parameters))
    else: camera(**parameters)
    if words:
        for mount, node in NODES.items():
            until(f'{words!r} is told of /{mount}', lambda: faults.said_of(mount, words) > told[mount], 20)
            last = [line for line in open(LOG, errors='replace') if words in line and f'mount="{mount}"' in line][-1]
            if node not in last: raise Failed(f'it is not told which node: {last}')
    if served:
        for mount in NODES: until(f'/{mount} plays', lambda: readers[mount].playing(since), 30)
        if memory: exact(name, readers, *served)
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


def asked(*words):
    done = subprocess.run([faults.LENSLET, *words, '--control', '/tmp/camera.control'], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def handed_over(readers):
    """Who codes with `encode: Auto` is who would after a start: beyond the encoder's bitrates the processor, within them the encoder. A
    preview says so, and what it says of a mount that nobody else may code is what a reload does; readers go on."""
    def configured(encode, bitrate, path='/tmp/camera.ron'):
        open(path, 'w').write(CONFIG.replace('encode: Hardware', f'encode: {encode}, bitrate: {bitrate}'))
    for encode, bitrate, says, coder in [
        ('Hardware', 30_000_000, 'hard is refused: mounts["hard"].bitrate: bcm2835-codec-encode codes at 25000 to 20000000', None),
        ('Auto', 1_000_000, 'hard starts anew', 'bcm2835-codec'),
        ('Auto', 30_000_000, 'codes at 25000 to 20000000 bits a second: openh264 is to code it', 'openh264'),
        ('Auto', 40_000_000, 'hard changes while it runs', 'openh264'),
        ('Auto', 2_000_000, 'codes at 25000 to 20000000 bits a second: it is to code it', 'bcm2835-codec'),
    ]:
        # The server reads its own file as soon as that is written.
        configured(encode, bitrate, '/tmp/camera.new.ron')
        _, said = asked('config', 'preview', '/tmp/camera.new.ron')
        if says not in said: raise Failed(f'preview of {encode} and {bitrate}: {said}')
        since = time.monotonic()
        configured(encode, bitrate)
        failed, said = asked('reload')
        if bool(failed) != (coder is None): raise Failed(f'a reload of {encode} and {bitrate}: {said}')
        until('/hard plays', lambda: readers['hard'].playing(since), 30)
        last = lambda: [line for line in open(LOG, errors='replace') if ' coded ' in line and 'kbit/s' in line and 'mount="hard"' in line][-1]
        until(f'{coder} codes', lambda: coder is None or coder in last(), 20)
        print(f'ok: {encode}, {bitrate}: {says}', flush=True)
    configured('Hardware', 1_000_000)
    asked('reload')
    since = time.monotonic()
    until('/hard plays', lambda: readers['hard'].playing(since), 30)


def main():
    for mount in NODES: open(f'{OUT}cam-{mount}', 'a' if PLANES else 'w').close()
    open('/tmp/camera.ron', 'w').write(CONFIG)
    camera(**WELL)
    faults.codec(**CODEC)
    server = subprocess.Popen([faults.LENSLET, 'serve', '-v', '--config', '/tmp/camera.ron', '--control', '/tmp/camera.control'], stdout=open(LOG, 'w'), stderr=subprocess.STDOUT)
    faults.serving.append(server)
    failures, readers = [], {}
    try:
        until('the server listens', lambda: faults.said('listening'))
        for mount in (*NODES, 'well'): readers[mount] = Kept(mount)
        for mount in readers: until(f'/{mount} plays', readers[mount].playing)
        open_before = len(faults.opened())
        before = None
        for row in [*ROWS, None]:
            runs = len(counted())
            # The run that it ends is the one before's.
            try:
                if row: have(row.name, row.camera, row.served, row.words, readers, True, row.codec, row.memory)
                else: again(**WELL)
            except Failed as error: failures.append(f'{row.name}: {error}')
            try:
                if before and before.memory: have_had(before.name, before.memory, runs)
            except Failed as error: failures.append(f'{before.name}: {error}')
            before = row
        since = time.monotonic()
        for mount in NODES: until(f'/{mount} plays again', lambda: readers[mount].playing(since), 30)
        for name, parameters, served, words in LIVE:
            try: have(name, parameters, served, words, readers, False)
            except Failed as error: failures.append(f'{name}: {error}')
        again(**WELL)
        since = time.monotonic()
        for mount in NODES: until(f'/{mount} plays again', lambda: readers[mount].playing(since), 30)
        too_much()
        if not PLANES: handed_over(readers)
        exact(f'after-all{"-planes" * PLANES}', readers, *RAW)
        until('as many descriptors as before', lambda: len(faults.opened()) <= open_before, 20)
        # A driver whose numbers leap has not missed thousands.
        for line in open(LOG, errors='replace'):
            if re.search(r'\b[1-9]\d{3,} (missed|lost)', line): failures.append(line.strip())
            if 'Plane {' in line: failures.append(f'no sentence: {line.strip()}')
        print(f'{open_before} descriptors before, {len(faults.opened())} after', flush=True)
        failures += [reader.wrong for reader in readers.values() if reader.wrong]
        for mount in readers: print(f'/{mount}: {readers[mount].packets} packets, none missing, the longest pause {readers[mount].longest:.1f} s, at most {readers[mount].off:.1f} s off the clock', flush=True)
    except Failed as error: failures.append(str(error))
    finally: ended = faults.stop(server)
    if faults.said('an error in Lenslet itself'): failures.append('something panicked')
    if ended: failures.append(f'the server ended with {ended}')
    for failure in failures: print(f'FAIL: {failure}', flush=True)
    if failures: subprocess.run(['tail', '-n', '100', LOG])
    sys.exit(bool(failures))


main()
