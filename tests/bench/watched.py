#!/usr/bin/env python3
"""What looking on costs: how long a status of 500 sessions takes, and what the server's threads do beside it.

    tests/bench/watched.py target/release/lenslet [SECONDS-A-PHASE]

Starts a server and its viewers (`lenslet load`, by TCP), then, by turns and three times each, leaves it alone and watches it: a
status four times a second, each timed from the question to the whole answer. Prints the times, and the processor time of each of the
server's threads, watched and not. Ends with 1 where more than one status in a hundred takes longer than 20 ms, or there were fewer
than two hundred, of which the slowest would be all that is judged. Run it on an idle machine; the instructions of the streaming path, watched and not, are counted by `cargo bench --bench instructions -- watched`.
"""

import glob
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

SESSIONS, WITHIN_MS, EVERY_S, ROUNDS, ENOUGH = 500, 20.0, 0.25, 3, 200
CONFIG = """(listen: ["127.0.0.1:0"], udp_ports: (0, 0), max_sessions: 1000, max_connections: 1000, max_per_address: 1000,
    mounts: {"test": Pattern(width: 320, height: 240, fps: 10, bitrate: 200000)})"""


class Control:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile("rb")

    def status(self):
        """The line, and the milliseconds that it took to come."""
        began = time.perf_counter()
        self.socket.sendall(b'{"v":1,"id":1,"do":"status"}\n')
        line = self.lines.readline()
        return line, (time.perf_counter() - began) * 1e3


def playing(line):
    sessions = json.loads(line)["reply"]["status"]["sessions"]
    return sum(session["state"] == "playing" for session in sessions)


def threads(pid):
    """Nanoseconds of processor time by the thread's name."""
    times = {}
    for task in glob.glob(f"/proc/{pid}/task/*"):
        try:
            name = open(f"{task}/comm").read().strip()
            times[name] = times.get(name, 0) + int(open(f"{task}/schedstat").read().split()[0])
        except FileNotFoundError:
            pass
    return times


def phase(pid, seconds, control):
    """What each thread took of a core meanwhile, in percent; watched where there is somebody who asks."""
    before, began, took = threads(pid), time.monotonic(), []
    while (left := began + seconds - time.monotonic()) > 0:
        if control:
            took.append(control.status()[1])
        time.sleep(max(0, min(left, EVERY_S - (took[-1] / 1e3 if took else 0))))
    spent = time.monotonic() - began
    return {name: (now - before.get(name, 0)) / spent / 1e7 for name, now in threads(pid).items()}, took


def measure(program, seconds, folder):
    config = os.path.join(folder, "lenslet.ron")
    open(config, "w").write(CONFIG)
    path = os.path.join(folder, "control.sock")
    environment = dict(os.environ, STATE_DIRECTORY=folder, XDG_RUNTIME_DIR=folder)
    serve = [program, "serve", "--config", config, "--control", path]
    server = subprocess.Popen(serve, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    address = server.stdout.readline().split()[-1]
    load = [program, "load", f"{address}/test", "--readers", str(SESSIONS), "--seconds", "600"]
    viewers = subprocess.Popen(load, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        control = Control(path)
        until = time.monotonic() + 30
        while playing(control.status()[0]) < SESSIONS:
            if time.monotonic() > until:
                sys.exit("they do not all play within 30 s")
            time.sleep(0.2)
        alone, watched, took = [], [], []
        for _ in range(ROUNDS):
            alone.append(phase(server.pid, seconds, None)[0])
            shares, times = phase(server.pid, seconds, control)
            watched.append(shares)
            took += times
        line, _ = control.status()
        return alone, watched, sorted(took), len(line), playing(line)
    finally:
        for process in (viewers, server):
            process.terminate()
            process.wait()


def main():
    program, seconds = os.path.realpath(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    with tempfile.TemporaryDirectory() as folder:
        alone, watched, took, size, still = measure(program, seconds, folder)
    # The smallest that so many in a hundred do not exceed.
    at = lambda hundredths: took[-(-len(took) * hundredths // 100) - 1]
    print(f"A status of {still} sessions, {size} bytes, {len(took)} times, four a second: p50 {at(50):.1f} ms, "
          f"p99 {at(99):.1f} ms, at most {took[-1]:.1f} ms.\n")
    print("| thread | alone, % of a core | watched | a status, ms |\n|---|---|---|---|")
    names = sorted({name for shares in alone + watched for name in shares})
    for name in names:
        median = lambda phases: sorted(shares.get(name, 0) for shares in phases)[len(phases) // 2]
        one, other = median(alone), median(watched)
        if max(one, other) >= 0.01:
            print(f"| `{name}` | {one:.2f} | {other:.2f} | {(other - one) * 10 * EVERY_S:.2f} |")
    if len(took) < ENOUGH:
        sys.exit(f"{len(took)} statuses tell nothing of one in a hundred: longer phases")
    sys.exit(at(99) > WITHIN_MS or still < SESSIONS)


main()
