#!/usr/bin/env python3
"""What the terminal costs: 16 mounts, 500 sessions, a status four times a second, on each of its screens.

    tests/bench/screen.py target/release/lenslet [SECONDS-A-SCREEN]

Starts a server, its viewers (`lenslet load`) and the terminal in a pseudo-terminal of 120x40, and prints a table. Ends
with 1 where a limit is passed: 2 % of a core on any screen, 12 MB, a key that waits for longer than a status does.
Memory is what it is once the charts are full, which they are after five minutes: 50 seconds a screen, if not said.
Processor time is the kernel's, of all threads; run it on an idle machine.
"""

import fcntl
import glob
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time

MOUNTS, SESSIONS = 16, 500
CORE_PERCENT, MEMORY_MB, FRAME_MS = 2.0, 12.0, 250.0
SCREENS = ["Dashboard", "Sessions", "Mount", "Configuration", "Log", "Alarms"]


def status(control):
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(control)
        line.sendall(b'{"v":1,"id":1,"do":"status"}\n')
        return json.loads(line.makefile().readline())["reply"]["status"]


def wait_for(what, ready, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if found := ready():
                return found
        except OSError:
            pass
        time.sleep(0.1)
    sys.exit(f"{what} did not come about within {seconds} s")


def cpu_ns(pid):
    """Of all its threads that live, by the scheduler."""
    return sum(int(open(it).read().split()[0]) for it in glob.glob(f"/proc/{pid}/task/*/schedstat"))


def resident_mb(pid, figure):
    lines = open(f"/proc/{pid}/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(figure)) / 1000 * 1.024


class Terminal:
    def __init__(self, binary, control):
        self.pid, self.line = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", LANG="C.UTF-8")
            os.execv(binary, [binary, "tui", "--control", control])
        fcntl.ioctl(self.line, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

    def read(self, seconds, first=False):
        """Bytes that came within a time, or until the first did."""
        until, count = time.monotonic() + seconds, 0
        while (left := until - time.monotonic()) > 0:
            if select.select([self.line], [], [], left)[0]:
                count += len(os.read(self.line, 65536))
                if first:
                    break
        return count

    def press(self, key):
        os.write(self.line, key.encode())

    def answer_ms(self, key):
        """From a key to the first byte that is drawn for it, on a screen that was still."""
        # Behind a status: the next one is 250 ms away.
        self.read(2, first=True)
        self.read(0.05)
        began = time.monotonic()
        self.press(key)
        self.read(2, first=True)
        return (time.monotonic() - began) * 1000


def measure(terminal, server, seconds):
    failed = []
    print("| screen | % of a core | bytes a second |\n|---|---|---|")
    for number, name in enumerate(SCREENS, 1):
        terminal.press(str(number))
        terminal.read(2)
        before, began = cpu_ns(terminal.pid), time.monotonic()
        sent = terminal.read(seconds)
        took = time.monotonic() - began
        percent = (cpu_ns(terminal.pid) - before) / took / 1e7
        print(f"| {name} | {percent:.2f} | {sent / took:.0f} |", flush=True)
        if percent >= CORE_PERCENT:
            failed.append(f"{name} takes {percent:.2f} % of a core")
    terminal.press("2")
    terminal.read(2)
    waits = sorted(terminal.answer_ms("jk"[time % 2]) for time in range(20))
    # A server that says nothing: what is sent then is sent for nothing.
    os.kill(server.pid, signal.SIGSTOP)
    terminal.read(1)
    idle = terminal.read(5)
    os.kill(server.pid, signal.SIGCONT)
    most = resident_mb(terminal.pid, "VmHWM")
    print(f"\nMemory at its highest {most:.1f} MB (VmHWM). A key is answered after {waits[10]:.1f} ms, "
          f"at worst {waits[-1]:.1f} ms, of 20. Bytes within 5 s in which nothing changed: {idle}.")
    if most >= MEMORY_MB:
        failed.append(f"it takes {most:.1f} MB")
    if waits[-1] >= FRAME_MS:
        failed.append(f"a key waits {waits[-1]:.1f} ms")
    if idle:
        failed.append(f"{idle} bytes for nothing")
    return failed


def main():
    binary = os.path.abspath(sys.argv[1])
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 50.0
    with tempfile.TemporaryDirectory() as folder:
        control, file = f"{folder}/control.sock", f"{folder}/lenslet.ron"
        names = [f"cam{number}" for number in range(MOUNTS)]
        mounts = "".join(f'"{name}": Pattern(width: 320, height: 240, fps: 5),' for name in names)
        with open(file, "w") as out:
            out.write(f'(listen: ["127.0.0.1:0"], udp_ports: (0, 0), mounts: {{{mounts}}})')
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        environment = {**os.environ, "STATE_DIRECTORY": folder, "XDG_RUNTIME_DIR": folder}
        server = subprocess.Popen(
            [binary, "serve", "--config", file, "--control", control], env=environment, **quiet)
        started, terminal = [server], None
        try:
            address = wait_for("the server", lambda: status(control)["addresses"][0])
            for number, name in enumerate(names):
                readers = SESSIONS // MOUNTS + (number < SESSIONS % MOUNTS)
                load = ["load", f"rtsp://{address}/{name}", "--readers", str(readers), "--seconds", "3600"]
                started.append(subprocess.Popen([binary, *load], **quiet))
            wait_for("500 sessions", lambda: len(status(control)["sessions"]) == SESSIONS, 120)
            terminal = Terminal(binary, control)
            terminal.read(3)
            failed = measure(terminal, server, seconds)
        finally:
            if terminal:
                os.kill(terminal.pid, signal.SIGKILL)
            for it in reversed(started):
                it.kill()
            for it in started:
                it.wait()
    if failed:
        sys.exit("; ".join(failed))


main()
