#!/usr/bin/env python3
"""faults.py once | many ROUNDS SEED MINUTES: in the guest of `run`, each fault of a camera and of an encoder while a reader watches.

Three mounts of one server, each with a reader that was there before the first fault, have their faults side by side:
raw pictures coded by the processor (vivid's own faults), raw pictures through the board's encoder (labcodec's), and a
USB camera's H.264, found by the name that udev would give it. A reader by TCP and one by UDP take every packet: none may be
missing, time goes on, no BYE comes, and pictures are back. One fault of each mount warms the server up; then all come, and in the
end it has as many descriptors and threads as before them, and as much memory; those that take no time come once more, and it has
what it had before that. The encoder is wedged more than once: the machine is asked to start anew, once.

many: each fault ROUNDS times (the unplugging five times as often) in an order that SEED says, for MINUTES at most. What was
had is kept in /lab/out/counts.json: where the guest's kernel falls, `run` boots anew and the rest is had.
"""
import collections, glob, json, os, random, re, shutil, signal, subprocess, sys, threading, time

sys.path.insert(0, os.environ['LAB'])
import names
from reader import PATIENCE, Failed, Reader, UdpReader, until

LENSLET, LAB, H264 = (os.environ[name] for name in ('LENSLET', 'LAB', 'H264'))
CODEC = '/sys/module/labcodec/parameters/'
# In memory: each line costs a way out of this machine elsewhere.
LOG = '/tmp/serve.faults.log'
# Seconds from a fault's end to the camera's first picture, besides what its mount took for the first one of all: in a
# machine without hardware, beside others, opening and coding are slow.
LIMIT = 2
# kB: of its heap so much more may be in use after all faults than after the warm-up, and nothing else is let pass: less than a
# coder or a picture's planes take, for what grows with the time it is seen (counts by their reasons, names in the log). By then
# the rings of what is kept for readers are full, and each mount was closed and opened once. The allocator itself counts what is in
# use (`heap.c`). What it keeps of what was freed, and which pages of its buffers a coder has touched, differs by several MB from one
# time to the next; so what is resident has a bound of its own, RESIDENT.
HEAP, RESIDENT = 500, 32_000
# The same from before the faults that come once more to behind them: 0 to 30 kB were seen, which is the log that is kept of them, and of
# what is resident 3 MB. Less than 7 kB for each fault.
HEAP_AGAIN, RESIDENT_AGAIN = 80, 8_000
HEAP_SO, IN_USE = os.environ.get('HEAP_SO'), '/tmp/faults.heap'
COUNTED = {'GLIBC_TUNABLES': 'glibc.malloc.tcache_count=0', 'LD_PRELOAD': HEAP_SO, 'HEAP': IN_USE}
# So many faults in a row after which the encoder rests: it rests 10 s, then 20 s and so on, until it was well for a minute.
WEDGED_IN_A_ROW, WELL = 3, 70
COUNTS = '/lab/out/counts.json'
# The machine is asked to start anew once its encoder is wedged; who is asked writes it down, and the machine has been up for long enough.
BIN, ASKED, UPTIME = '/tmp/faults.bin', '/tmp/faults.asked', '/tmp/faults.uptime'
USB = '/dev/v4l/by-id/usb-lab_lab_UVC_camera_LAB0001-video-index0'
CONFIG = f'''(listen: ["127.0.0.1:8556"], mounts: {{
    "soft": Camera(device: "/dev/video30", width: 320, height: 180, fps: 5, encode: Software),
    "hard": Camera(device: "/dev/video31", width: 320, height: 180, fps: 10, on_encoder_wedged: Reboot),
    "usb": Camera(device: "{USB}", format: H264),
}})'''


def said(words): return open(LOG, errors='replace').read().count(words)


def said_of(mount, words):
    return sum(words in line and f'mount="{mount}"' in line for line in open(LOG, errors='replace'))


def told(words, before, patience=PATIENCE): until(f'the log says {words!r}', lambda: said(words) > before, patience)


def control(node, name, value=1):
    done = subprocess.run(['v4l2-ctl', '-d', node, '-c', f'{name}={value}'], capture_output=True, text=True)
    if done.returncode or done.stderr: raise Failed(f'{name}: {done.stderr}')


def codec(**parameters):
    for name, value in parameters.items(): open(CODEC + name, 'w').write(str(value))


# -- vivid: each is over by itself, or by what is done at its end; returns the instant when it was over.
def camera_fault(*names):
    def fault():
        for name in names: control('/dev/video30', name)
        return time.monotonic()
    return fault


def dropped():
    control('/dev/video30', 'percentage_of_dropped_buffers', 30)
    time.sleep(5)
    control('/dev/video30', 'percentage_of_dropped_buffers', 0)
    return time.monotonic()


# -- labcodec
def hardware():
    """Whether the board's encoder codes, and not the processor."""
    if '/dev/video40' not in opened(): return False
    time.sleep(1)                              # longer than it is looked at
    return '/dev/video40' in opened()


def opened():
    """What the server has open; the log counts repeats and tells of them late."""
    folder, paths = f'/proc/{serving[0].pid}/fd/', []
    for name in os.listdir(folder):
        try: paths.append(os.readlink(folder + name))
        except FileNotFoundError: pass
    return paths


serving, readers, by_udp = [], {}, {}


def lets_in(mount, kind, those):
    try: those[mount] = kind(mount)
    except Failed as refused:
        if ' 503 ' not in str(refused) and ' 453 ' not in str(refused): raise
    return mount in those


def serve():
    """The server, whose machine has been up for an hour and is started anew by a script."""
    os.makedirs(BIN, exist_ok=True)
    with open(BIN + '/systemctl', 'w') as script: script.write(f'#!/bin/sh\necho "systemctl $*" >>{ASKED}\n')
    os.chmod(BIN + '/systemctl', 0o755)
    open(UPTIME, 'w').write('3600.00 3600.00\n')
    if os.path.exists(ASKED): os.remove(ASKED)
    open('/tmp/faults.ron', 'w').write(CONFIG)
    counted = [f'{name}={value}' for name, value in COUNTED.items() if value]
    words = ['env', *counted, LENSLET, 'serve', '--config', '/tmp/faults.ron']
    own = ['unshare', '--mount', 'sh', '-c', f'mount --bind {UPTIME} /proc/uptime && exec "$@"', 'sh']
    path = {'PATH': BIN + ':' + os.environ['PATH']}
    return subprocess.Popen(own + words, stdout=open(LOG, 'w'), stderr=subprocess.STDOUT, env=os.environ | path)


def asked():
    """It was asked once, however often the encoder was wedged."""
    until('the machine is asked to start anew', lambda: os.path.exists(ASKED))
    if open(ASKED).read() != 'systemctl reboot\n': raise Failed(f'asked for: {open(ASKED).read()}')
    if said('the machine is started anew, as is configured') != 1: raise Failed('that the machine is started anew is not told, once')
    print('ok: the machine was asked once to start anew', flush=True)


def hangs(**more):
    """It stops; where it will not start again either, the processor codes until it is tried later."""
    def fault():
        hung, others = said('the encoder hangs'), said('; meanwhile: ')
        codec(**more, stall_after=1)
        told('the encoder hangs', hung)
        if more: told('; meanwhile: ', others)
        over = time.monotonic()
        codec(stall_after=0, **{name: 'N' for name in more})
        return over
    return fault


def stuck(call, **more):
    """A call of the encoder that runs does not return: it is left, and the processor codes until it is tried again."""
    words = 'a call of it takes longer than 4 s while it runs: encoder wedged: only a reboot clears this'
    def fault():
        wedged = said(words)
        codec(**{call: 'Y'}, **more)
        told(words, wedged)
        left = time.monotonic()
        until('the processor codes while the call hangs', lambda: readers['hard'].playing(left))
        codec(**{call: 'N'}, **{name: 0 for name in more})
        return time.monotonic()
    return fault


def some(name):
    """Some of its buffers are damaged or empty, which is lived with."""
    def fault():
        codec(**{name: 4})
        time.sleep(3)
        codec(**{name: 0})
        return time.monotonic()
    return fault


def all_of(name):
    """All of them are, and it is opened anew."""
    def fault():
        before = said('nothing but empty or damaged pictures')
        codec(**{name: 1})
        told('nothing but empty or damaged pictures', before)
        codec(**{name: 0})
        return time.monotonic()
    return fault


# -- uvcvideo
def named(path):
    # What was there when it was listed may be gone by now.
    try: return open(path + '/name').read()
    except OSError: return ''


class Usb:
    mode = '/tmp/uvccam.mode'

    def plug(self):
        self.gives('right')
        self.process = subprocess.Popen(['python3', LAB + '/uvccam.py', '--h264', H264, '--mode', self.mode], stdout=subprocess.DEVNULL)
        until('the USB camera has nodes', self.nodes)
        until('udev has named it', lambda: os.path.exists(USB))

    def nodes(self):
        return [path for path in glob.glob('/sys/class/video4linux/video*') if 'lab UVC' in named(path)]

    def unplug(self):
        nodes = ['/dev/' + os.path.basename(path) for path in self.nodes()]
        self.process.send_signal(signal.SIGUSR1); self.process.wait()
        until('the USB camera has no nodes', lambda: not self.nodes())
        until('udev has taken its name', lambda: not os.path.lexists(USB))
        # The log tells the same once, until it has run well.
        until('the server lets go of it', lambda: not any(path.split()[0] in nodes for path in opened()))

    def replug(self):
        self.unplug(); self.plug()
        return time.monotonic()

    def elsewhere(self):
        node = '/dev/' + os.path.basename(min(self.nodes()))
        held = os.open(node, os.O_RDWR)        # its number is not given again
        self.unplug(); self.plug()
        over = time.monotonic()
        if '/dev/' + os.path.basename(min(self.nodes())) == node: raise Failed('it has its old number')
        os.close(held)
        return over

    def stall(self):
        self.process.send_signal(signal.SIGUSR2)
        time.sleep(12)
        self.process.send_signal(signal.SIGUSR2)
        return time.monotonic()


    def gives(self, mode):
        with open(self.mode + '.new', 'w') as file: file.write(mode)
        os.rename(self.mode + '.new', self.mode)

    def bad(self, mode, seconds):
        def fault():
            self.gives(mode)
            time.sleep(seconds)
            self.gives('right')
            return time.monotonic()
        return fault

    def stamps_go_back(self):
        """The driver stamps by the wall clock, and says that it does not; that clock goes back by an hour, and on again."""
        was = time.time() - time.monotonic()
        def clock(name): open('/sys/module/uvcvideo/parameters/clock', 'w').write(name)
        clock('REALTIME')
        try:
            for back in 0, 3600, 3500, 0:
                time.clock_settime(time.CLOCK_REALTIME, time.monotonic() + was - back)
                began = time.monotonic()
                time.sleep(3)
                # What is shown instead comes once a second; the log tells of repeats late, and of earlier faults'.
                if not readers['usb'].playing(began): raise Failed('pictures came, and others were shown instead, or none')
        finally: clock('MONOTONIC')
        if not said_of('usb', 'does not stamp pictures by the monotonic clock'): raise Failed('stamps were as they should be')
        return time.monotonic()


usb = Usb()
FAULTS = {
    'soft': [
        ('buffer flagged as damaged', camera_fault('inject_v4l2_buf_flag_error')),
        ('QBUF fails', camera_fault('inject_vidioc_qbuf_error')),
        ('fatal streaming error', camera_fault('inject_fatal_streaming_error')),
        ('REQBUFS fails', camera_fault('inject_vidioc_reqbufs_error', 'inject_fatal_streaming_error')),
        ('STREAMON fails', camera_fault('inject_vidioc_streamon_error', 'inject_fatal_streaming_error')),
        ('30 % of the buffers are dropped', dropped),
        ('disconnected', camera_fault('disconnect')),
    ],
    'hard': [
        # Wedged three times it has to be well for a minute: that is when those come that do not wedge it.
        ('stall, and QBUF does not return', stuck('hang_qbuf')),
        # What is damaged has a keyframe asked for.
        ('stall, and S_CTRL does not return', stuck('hang_s_ctrl', error_every=4)),
        ('stall, and open fails', hangs(fail_open='Y')),
        ('some pictures damaged', some('error_every')),
        ('some pictures empty', some('drop_every')),
        ('all pictures damaged', all_of('error_every')),
        ('all pictures empty', all_of('drop_every')),
        ('stall', hangs()),
        ('stall, and S_FMT fails', hangs(fail_s_fmt='Y')),
        ('stall, and STREAMON fails', hangs(fail_streamon='Y')),
    ],
    'usb': [
        ('unplugged and plugged in', usb.replug),
        ('plugged in as another node', usb.elsewhere),
        ('stalls for 12 s', usb.stall),
        ('pictures of garbage', usb.bad('garbage', 9)),
        ('pictures cut short', usb.bad('short', 4)),
        ('a picture in 25 s', usb.bad('slow', 30)),
        ('stamps go back', usb.stamps_go_back),
    ],
}


# What takes no time, and comes once more.
AGAIN = {
    'soft': FAULTS['soft'],
    'hard': [fault for fault in FAULTS['hard'] if fault[0].startswith('some ')],
    'usb': [fault for fault in FAULTS['usb'] if fault[0] in ('unplugged and plugged in', 'plugged in as another node', 'pictures cut short')],
}
# What warms up: each mount's camera or encoder is closed and opened once.
WARM = {'soft': ['fatal streaming error'], 'hard': ['stall'], 'usb': ['unplugged and plugged in']}


def resources(server):
    """Descriptors, threads, kB of the heap in use, kB resident that are nobody else's."""
    status = open(f'/proc/{server.pid}/status').read()
    threads, resident = (int(re.search(rf'{name}:\s*(\d+)', status)[1]) for name in ('Threads', 'RssAnon'))
    return len(os.listdir(f'/proc/{server.pid}/fd')), threads, int(open(IN_USE).read()) // 1000, resident


def have(mount, faults, end, failures, done):
    reader = readers[mount]
    name = 'before the first'
    try:
        for name, fault in faults:
            if time.monotonic() > end: return
            until(f'/{mount} plays before: {name}', reader.playing)
            if mount == 'hard':
                until(f'its encoder is tried again before: {name}', hardware, 340)
                pace.wait(name)
            over = fault()
            until(f'/{mount}: pictures after: {name}', lambda: reader.playing(over))
            took = reader.playing(over) - over
            if took > LIMIT + reader.start_took: raise Failed(f'pictures {took:.1f} s after it was over')
            until(f'/{mount}: pictures by UDP after: {name}', lambda: by_udp[mount].playing(over), LIMIT + reader.start_took)
            done.add(mount, name)
            print(f'ok: /{mount}: {name}: pictures {took:.1f} s after it was over ({time.monotonic():.0f} s)', flush=True)
    except Exception as error:
        failures.append(f'/{mount}: {name}: {type(error).__name__} {error}')
        print(f'FAIL: {failures[-1]}', flush=True)


class Done:
    """How often each fault was had, in boots before this one too."""
    def __init__(self, path=None):
        self.path, self.lock, self.had = path, threading.Lock(), collections.Counter()
        if path and os.path.exists(path): self.had.update(json.load(open(path)))

    def add(self, mount, name):
        with self.lock:
            self.had[f'/{mount}: {name}'] += 1
            if not self.path: return
            # The kernel may fall in between.
            with open(self.path + '.new', 'w') as file: json.dump(self.had, file, indent=1)
            os.replace(self.path + '.new', self.path)

    def of(self, mount, name): return self.had[f'/{mount}: {name}']


def times(fault, rounds, many): return rounds * (5 if many and fault[1] == usb.replug else 1)


def wedges(name): return name.startswith('stall, and ')


class Pace:
    """Waits before a fault of the encoder's which would be one too many, as the server's own ladder counts."""
    def __init__(self): self.restarts, self.in_a_row, self.rested = [], 0, 0.0

    def wait(self, name):
        if not name.startswith(('all ', 'stall')): return
        if time.monotonic() > self.rested + WELL: self.in_a_row = 0
        self.restarts = self.restarts[-3:]
        if len(self.restarts) == 3: time.sleep(max(0, self.restarts[0] + 65 - time.monotonic()))
        self.restarts.append(time.monotonic())
        if not wedges(name): return
        if self.in_a_row == WEDGED_IN_A_ROW:
            time.sleep(max(0, self.rested + WELL - time.monotonic()))
            self.in_a_row = 0
        # After a rest it is opened anew as often as before.
        self.restarts.clear()
        self.rested = time.monotonic() + 10 * 2 ** self.in_a_row
        self.in_a_row += 1


pace = Pace()


def each(table, rounds, many, shuffle, end, failures, done):
    """Has each fault as often as it was not had yet, the mounts side by side; what was not done in time is a failure too."""
    threads, before = [], done.had.total()
    for mount, faults in table.items():
        order = [fault for fault in faults for _ in range(times(fault, rounds, many) - done.of(mount, fault[0]))]
        if shuffle: shuffle.shuffle(order)
        threads.append(threading.Thread(target=have, args=(mount, order, end, failures, done)))
        threads[-1].start()
    for thread in threads: thread.join()
    for mount, faults in table.items():
        for fault in faults:
            due, had = times(fault, rounds, many), done.of(mount, fault[0])
            if had < due: failures.append(f'/{mount}: {fault[0]}: {had} times of {due}')
    print(f'{done.had.total() - before} faults', flush=True)


def settled():
    """Waits until the encoder codes again and what is kept for slow readers is of it alone: 10 s of each mount."""
    until('the encoder is tried again', hardware, 340)
    from_here = {mount: reader.ticks for mount, reader in readers.items()}
    for mount, reader in readers.items():
        until(f'/{mount} plays on for 12 s', lambda: reader.ticks - from_here[mount] > 12 * 90000)


def least():
    """What is held between two pictures, and while nobody looks at anything."""
    seen = []
    for _ in range(20):
        seen.append(resources(serving[0]))
        time.sleep(0.25)
    return tuple(map(min, *seen))


def rested(before, heap=HEAP, resident=RESIDENT):
    """Waits for what is held to be as it was."""
    until('as many descriptors and threads as before', lambda: resources(serving[0])[:2] == before[:2], 20)
    until(f'no {heap} kB more in use than {before[2]}', lambda: resources(serving[0])[2] < before[2] + heap, 20)
    if resources(serving[0])[3] > resident: raise Failed(f'more than {resident} kB are resident')


def hang():
    """A call to the encoder does not return: others go on, and who asks what there is has an answer. It stays so."""
    words = 'closing it takes longer than 4 s: encoder wedged'
    before = said(words)
    codec(hang_streamoff='Y', stall_after=1)
    told(words, before)
    for over in time.monotonic(), usb.replug():
        for mount, reader in readers.items(): until(f'/{mount} plays while a call hangs', lambda: reader.playing(over))
    asked = time.monotonic()
    # Its end is not waited for: such a driver lets nobody go who has it open, before it lets go of the first.
    with open('/tmp/probe.hung', 'w') as answer: subprocess.Popen([LENSLET, 'probe'], stdout=answer, stderr=subprocess.DEVNULL)
    def answer(words): return re.search(words, open('/tmp/probe.hung').read(), re.M)
    until('probe answers', lambda: answer('lab UVC') and answer('^not looked at: /dev/video40: it does not answer'))
    if answer('^/dev/video40 '): raise Failed('probe knows what a node is that does not answer')
    print(f'ok: closing the encoder hangs: all play, and probe answers after {time.monotonic() - asked:.1f} s', flush=True)


def stop(server):
    server.terminate(); began = time.monotonic(); ended = server.wait(PATIENCE)
    print(f'the server ended with {ended} after {time.monotonic() - began:.1f} s', flush=True)
    return ended


def main():
    many = sys.argv[1] == 'many'
    rounds, seed, minutes = map(int, sys.argv[2:5]) if many else (1, 0, 60)
    # A page of 2 MB that is touched once would hide what is held.
    open('/sys/kernel/mm/transparent_hugepage/enabled', 'w').write('never')
    codec(only='', no_dmabuf='N')
    for node in ('/dev/video30', '/dev/video31'):
        # A webcam that has no more pictures than are asked for: this machine has better to do than to draw those that nobody codes.
        subprocess.run(['v4l2-ctl', '-d', node, '--set-input', '1'], check=True, stdout=subprocess.DEVNULL)
        for name, value in (('osd_text_mode', 2), ('test_pattern', 4), ('horizontal_movement', 3)): control(node, name, value)
    threading.Thread(target=names.main, daemon=True).start()
    usb.plug()
    failures = []
    server = serve()
    serving.append(server)
    try:
        until('the server listens', lambda: said('listening'))
        for mount in FAULTS:
            # All begin at once, and whoever comes while pictures wait for the processor is asked to come again.
            for kind, those in (Reader, readers), (UdpReader, by_udp):
                until(f'/{mount} lets a reader in', lambda: lets_in(mount, kind, those))
        for mount, reader in (*readers.items(), *by_udp.items()): until(f'/{mount} plays', reader.playing)
        for mount, reader in readers.items(): print(f'/{mount}: the first picture came after {reader.start_took:.1f} s', flush=True)
        cold, end = resources(server), time.monotonic() + 60 * minutes
        done = Done(COUNTS if many else None)
        # In each boot, whatever was had before.
        warming = {mount: [fault for fault in faults if fault[0] in WARM[mount]] for mount, faults in FAULTS.items()}
        each(warming, 1, False, None, end, failures, Done())
        settled()
        warm = least()
        if not failures: each(FAULTS, rounds, many, random.Random(seed) if many else None, end, failures, done)
        settled()
        held = least()
        if not failures: each(AGAIN, 1, False, None, time.monotonic() + 60 * minutes, failures, Done())
        if many:
            for name, had in done.had.items(): print(f'{name}: {had} times')
        for how, those in ('TCP', readers), ('UDP', by_udp):
            for mount, reader in those.items():
                if reader.wrong: failures.append(f'by {how}: {reader.wrong}')
                else: print(f'/{mount} by {how}: {reader.packets} packets, none missing, the longest pause {reader.longest:.1f} s of media time, at most {reader.off:.1f} s off the clock', flush=True)
        try:
            settled()
            rested(held, HEAP_AGAIN, held[3] + RESIDENT_AGAIN)
            rested(warm)
        except Failed as error:
            failures.append(f'{error}')
        for when, those in (('before', cold), ('warm', warm), ('before those that come once more', held), ('after all', least())):
            print('{}: {} descriptors, {} threads, {} kB of its heap in use, {} kB resident'.format(when, *those), flush=True)
        if not said('encoder wedged: only a reboot clears this; the kernel says: '): failures.append('nothing is said of a wedged encoder')
        subprocess.run(['grep', '-m1', 'encoder wedged', LOG])
        hang()
        asked()
    except Failed as error: failures.append(str(error))
    finally:
        ended = stop(server)
        codec(hang_streamoff='N', stall_after=0)
        usb.process.send_signal(signal.SIGUSR1)
        shutil.copy(LOG, '/lab/out/')
    if ended: failures.append(f'the server ended with {ended}')
    for failure in failures: print(f'FAIL: {failure}', flush=True)
    if failures: subprocess.run(['tail', '-n', '60', LOG])
    sys.exit(bool(failures))


if __name__ == '__main__': main()
