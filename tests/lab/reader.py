"""What the lab's scripts watch with: a reader that takes every packet."""
import re, socket, struct, threading, time

PATIENCE = 60
# Of the server that is watched.
PORT = 8556
# Pictures of the stand-in come once a second: so many in this time are the camera's.
PICTURES, WITHIN = 5, 1.6


class Failed(Exception): pass


def until(what, true, patience=PATIENCE):
    end = time.monotonic() + patience
    while not true():
        if time.monotonic() > end: raise Failed(f'not within {patience} s: {what}')
        time.sleep(0.05)


class Reader(threading.Thread):
    """Takes a mount's packets by TCP."""
    def __init__(self, mount):
        super().__init__(daemon=True)
        self.mount, self.wrong, self.packets, self.sequence, self.times, self.first = mount, None, 0, None, [], None
        self.longest, self.asked, self.start_took = 0, time.monotonic(), None
        self.socket = socket.create_connection(('127.0.0.1', PORT)); self.socket.settimeout(PATIENCE)
        self.file = self.socket.makefile('rb')
        url = f'rtsp://127.0.0.1:{PORT}/{mount}'
        track = re.search(r'm=video.*?a=control:(\S+)', self.ask('DESCRIBE', url), re.S)[1]
        setup = self.ask('SETUP', track if '://' in track else f'{url}/{track}', 'Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n')
        self.session = re.search(r'Session: ([^;\r]+)', setup)[1]
        self.ask('PLAY', url, f'Session: {self.session}\r\n')
        self.start()

    def ask(self, method, url, more=''):
        self.socket.sendall(f'{method} {url} RTSP/1.0\r\nCSeq: 1\r\n{more}\r\n'.encode())
        head = b''
        while not head.endswith(b'\r\n\r\n'):
            line = self.file.readline()
            if not line: raise Failed(f'/{self.mount}: no reply to {method}')
            head += line
        length = re.search(rb'(?i)content-length: (\d+)', head)
        reply = (head + self.file.read(int(length[1]) if length else 0)).decode()
        if ' 200 ' not in reply[:14]: raise Failed(f'/{self.mount}: {method}: {reply}')
        return reply

    def run(self):
        try:
            while True: self.take()
        except Exception as error: self.wrong = self.wrong or f'/{self.mount}: {type(error).__name__} {error}'

    def take(self):
        head = self.file.read(4)
        if len(head) < 4: raise Failed('the server closed the connection')
        if head[:1] != b'$': raise Failed(f'no packet: {head}')
        data = self.file.read(struct.unpack('>H', head[2:])[0])
        if head[1] == 1:
            while data:                         # a compound packet of RTCP
                if data[1] == 203: raise Failed('BYE')
                data = data[4 * (struct.unpack('>H', data[2:4])[0] + 1):]
            return
        sequence, stamp = struct.unpack('>HI', data[2:8])
        if self.sequence is not None and sequence != (self.sequence + 1) & 0xffff:
            raise Failed(f'{(sequence - self.sequence - 1) & 0xffff} packets are missing')
        self.sequence = sequence; self.packets += 1
        self.took(data)
        now = time.monotonic()
        if self.first is None: self.first = self.stamp = stamp; self.began = now; self.ticks = 0; self.start_took = now - self.asked
        step = (stamp - self.stamp + (1 << 31)) % (1 << 32) - (1 << 31)
        if step < 0: raise Failed(f'time goes back by {-step / 90000:.3f} s')
        if step:
            self.ticks += step; self.longest = max(self.longest, step / 90000)
            # Media time is the clock's time, but for what a picture waits.
            late = now - self.began - self.ticks / 90000
            if abs(late) > 8: raise Failed(f'time is off by {late:.1f} s')
            self.times.append(now); del self.times[:-50]
        self.stamp = stamp

    def took(self, packet): """For who wants what is in them."""

    def playing(self, since=0.0):
        """When the camera's pictures were back after an instant; None before there are enough."""
        if self.wrong: raise Failed(self.wrong)
        times = [at for at in self.times if at > since]
        # One picture may be from before the fault, or the stand-in's last.
        for first, second, last in zip(times, times[1:], times[PICTURES - 1:]):
            if last - first < WITHIN: return second
        return None
