#!/usr/bin/env python3
"""Watches rtsp://127.0.0.1:8554/PATH while it steps the wall clock: nothing but the mapping of sender reports changes.

    clock.py PATH        as root, in a machine whose clock nobody needs
"""
import socket, struct, sys, time

url = f'rtsp://127.0.0.1:8554/{sys.argv[1]}'
s = socket.create_connection(('127.0.0.1', 8554), 30)
s.settimeout(120)
stream = s.makefile('rb')
last = {}                                   # the last packet's number and RTP time
reports = []                                # a report's wall clock, RTP time, and the monotonic clock when it came


def frame():
    """Reads one frame, or a reply's status; notes what it says."""
    first = stream.read(1)
    if first != b'$':
        head = first
        while not head.endswith(b'\r\n\r\n'):
            head += stream.read(1)
        lines = head.decode().split('\r\n')
        fields = {k.lower(): v.strip() for k, v in (line.split(':', 1) for line in lines[1:] if line)}
        stream.read(int(fields.get('content-length', 0)))
        return int(lines[0].split()[1]), fields
    channel, length = struct.unpack('>BH', stream.read(3))
    data = stream.read(length)
    if channel == 0:
        number, timestamp = struct.unpack('>HI', data[2:8])
        if last:
            assert number == (last['number'] + 1) & 0xffff, 'a packet is missing'
            step = (timestamp - last['timestamp']) & 0xffffffff
            assert step < 90_000 * 30, f'{step} ticks from a packet to the next'
        last.update(number=number, timestamp=timestamp)
    elif data[1] == 200:
        seconds, fraction, rtp = struct.unpack('>III', data[8:20])
        wall = (seconds - 2_208_988_800) % (1 << 32) + fraction / (1 << 32)
        reports.append((wall, rtp, time.monotonic(), time.time()))
    return None


def ask(method, *fields):
    s.sendall('\r\n'.join([f'{method} RTSP/1.0', 'CSeq: 1', *fields, '', '']).encode())
    while not (reply := frame()):
        pass
    assert reply[0] == 200, reply
    return reply[1]


ask(f'DESCRIBE {url}')
setup = ask(f'SETUP {url}/trackID=0', 'Transport: RTP/AVP/TCP;unicast;interleaved=0-1')
session = 'Session: ' + setup['session'].split(';')[0]
ask(f'PLAY {url}', session)
while not reports:
    frame()
real = time.time()
for name, wall in ('1970', 100_000), ('now', real + 60), ('an hour back', real - 3540), ('an hour on', real + 120):
    time.clock_settime(time.CLOCK_REALTIME, wall)
    seen = len(reports)
    while len(reports) == seen:
        frame()
    (_, rtp_before, before, _), (told, rtp, came, at) = reports[-2:]
    assert abs(told - at) < 5, f'{name}: the report says {told}, the clock {at}'
    by_rtp = ((rtp - rtp_before) & 0xffffffff) / 90_000
    assert abs(by_rtp - (came - before)) < 5, f'{name}: {by_rtp} s by RTP, {came - before} s by the monotonic clock'
    ask(f'GET_PARAMETER {url}', session)
    # It is anchored once: the report behind it has its mapping.
    def offset(report): return report[0] - ((report[1] - rtp) & 0xffffffff) / 90_000
    seen = len(reports)
    while len(reports) < seen + 1:
        frame()
    moved = max(abs(offset(report) - offset(reports[seen - 1])) for report in reports[seen:])
    assert moved < 0.005, f'{name}: the mapping moves by {moved:.4f} s from a report to the next'
    print(f'{name}: reports {told:.0f}, RTP went on by {by_rtp:.2f} s in {came - before:.2f} s')
