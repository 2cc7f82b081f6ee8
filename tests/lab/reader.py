"""What the lab's scripts watch with: readers that take every packet."""
import re, select, socket, struct, threading, time

PATIENCE = 60
# Of the server that is watched.
PORT = 8556
# Pictures of the stand-in come once a second: so many in this time are the camera's.
PICTURES, WITHIN = 5, 1.6
# Seconds that media time may be off the clock, either way, since the first packet: an encoder that hangs has its pictures for one, and
# 1.2 were the most that the faults were seen to need, with this machine at a fifth of its speed.
OFF = 3


class Failed(Exception): pass


def until(what, true, patience=PATIENCE):
    end = time.monotonic() + patience
    while not true():
        if time.monotonic() > end: raise Failed(f'not within {patience} s: {what}')
        time.sleep(0.05)


class Reader(threading.Thread):
    """Takes a mount's packets by TCP."""
    transport = 'RTP/AVP/TCP;unicast;interleaved=0-1'

    def __init__(self, mount):
        super().__init__(daemon=True)
        self.mount, self.wrong, self.packets, self.sequence, self.times, self.first = mount, None, 0, None, [], None
        self.longest, self.off, self.asked, self.start_took = 0, 0, time.monotonic(), None
        self.socket = socket.create_connection(('127.0.0.1', PORT)); self.socket.settimeout(PATIENCE)
        self.file = self.socket.makefile('rb')
        url = f'rtsp://127.0.0.1:{PORT}/{mount}'
        track = re.search(r'm=video.*?a=control:(\S+)', self.ask('DESCRIBE', url), re.S)[1]
        setup = self.ask('SETUP', track if '://' in track else f'{url}/{track}', f'Transport: {self.transport}\r\n')
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
        if head[1] == 1: self.report(data)
        else: self.packet(data)

    def report(self, data):
        while data:                             # a compound packet of RTCP
            if data[1] == 203: raise Failed('BYE')
            data = data[4 * (struct.unpack('>H', data[2:4])[0] + 1):]

    def packet(self, data):
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
            self.off = max(self.off, late, -late)
            if self.off > OFF: raise Failed(f'time is off by {late:.1f} s')
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


class UdpReader(Reader):
    """Takes them by UDP."""
    # SO_RCVBUFFORCE, and bytes: what comes while this machine is at something else is not lost.
    ROOM = 33, 8 << 20

    def __init__(self, mount):
        self.rtp, self.rtcp = self.pair()
        port = self.rtp.getsockname()[1]
        self.transport = f'RTP/AVP;unicast;client_port={port}-{port + 1}'
        self.kept = self.heard = time.monotonic()
        super().__init__(mount)

    def pair(self):
        """Sockets of an even port and of the one behind it."""
        while True:
            pair = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
            for each in pair: each.setsockopt(socket.SOL_SOCKET, *self.ROOM); each.setblocking(False)
            pair[0].bind(('127.0.0.1', 0))
            port = pair[0].getsockname()[1]
            try:
                if port % 2 == 0: pair[1].bind(('127.0.0.1', port + 1)); return pair
            except OSError: pass
            for each in pair: each.close()

    def take(self):
        ready, _, _ = select.select([self.rtp, self.rtcp, self.socket], [], [], 5)
        now = time.monotonic()
        if now - self.kept > 20:                # a session by UDP is kept alive by who has it
            self.kept = now
            self.socket.sendall(f'GET_PARAMETER rtsp://127.0.0.1:{PORT}/{self.mount} RTSP/1.0\r\nCSeq: 2\r\nSession: {self.session}\r\n\r\n'.encode())
        if self.socket in ready:
            said = self.socket.recv(65536)
            if not said: raise Failed('the server closed the connection')
            if not said.startswith(b'RTSP/1.0 200 '): raise Failed(f'{said}')
        if self.rtcp in ready: self.report(self.rtcp.recv(65536))
        if self.rtp in ready: self.heard = now; self.packet(self.rtp.recv(65536))
        if now - self.heard > PATIENCE: raise Failed(f'no packet for {PATIENCE} s')
