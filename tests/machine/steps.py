#!/usr/bin/env python3
"""What a package goes through in a machine with systemd, in this order.

Whatever is waited for is asked for again until it is there or a minute has passed: nothing counts on the machine's speed.
"""

import argparse
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

PATIENCE = 120  # seconds, for whatever is waited for
MOST_EXPOSED = 2.5  # of `systemd-analyze security`
MOST_WRITTEN = 100_000  # bytes in an hour, at rest
CONFIG = "/etc/lenslet/lenslet.ron"


class Failed(Exception):
    pass


class Machine:
    def __init__(self, options):
        self.options = options
        self.line = [
            "ssh", "-p", str(options.ssh), "-i", options.key, "-o", "StrictHostKeyChecking=no",
            "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=10",
        ]
        # One connection for all, each user's own.
        shared = ["-o", "ControlMaster=auto", "-o", f"ControlPath={options.key}.%r", "-o", "ControlPersist=60"]
        self.ssh = [*self.line, *shared]

    def run(self, script, user="root", seconds=120):
        """Status, and what it said on both."""
        command = [*self.ssh, f"{user}@127.0.0.1", script]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=seconds)
        return done.returncode, done.stdout.strip()

    def say(self, script, user="root"):
        status, said = self.run(script, user)
        if status != 0:
            raise Failed(f"{script!r} as {user}: {status}: {said}")
        return said

    def refused(self, script, words, user="root"):
        """It fails, and says why."""
        status, said = self.run(script, user)
        for word in words:
            if status == 0 or word not in said:
                raise Failed(f"{script!r} as {user} gave {status}, and does not say {word!r}: {said}")
        return said

    def until(self, what, script, wanted=lambda said: True):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                status, said = self.run(script, seconds=20)
            except subprocess.TimeoutExpired:
                status, said = -1, "no answer"
            if status == 0 and wanted(said):
                return said
            if time.monotonic() > end:
                log = self.run("journalctl -b --no-pager -n 40; systemctl status lenslet --no-pager")[1]
                raise Failed(f"{what} is waited for in vain: {status}: {said}\n{log}")
            time.sleep(0.2)

    def property(self, name):
        return self.say(f"systemctl show lenslet -P {name}")

    def is_up(self):
        self.until("the service", "systemctl is-active lenslet", lambda said: said == "active")
        self.until("the port", "ss -ltn", lambda said: ":8554 " in said)

    def picture(self, mount="test", port=None, user=""):
        """Received here, by Lenslet's own client and by ffmpeg; as a user, `name:password`, where there are some."""
        url = f"rtsp://{user}{'@' if user else ''}127.0.0.1:{port or self.options.rtsp}/{mount}"
        command = [self.options.lenslet, "receive", url, "--transport", "tcp", "--seconds", "2", "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        report = json.loads(done.stdout or "{}")
        pictures = sum(track.get("pictures", track.get("access_units", 0)) for track in report.get("tracks", []))
        if not report or pictures < 2:
            raise Failed(f"{url}: {done.stdout} {done.stderr}")
        decoded = subprocess.run(
            ["ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", url, "-map", "0:v", "-frames:v", "3", "-f",
             "framemd5", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        frames = [line for line in decoded.stdout.splitlines() if not line.startswith("#")]
        if len(frames) < 3:
            raise Failed(f"{url}: ffmpeg decodes {len(frames)} pictures: {decoded.stderr}")
        return f"{pictures} pictures in 2 s"

    def shut_out(self, mount):
        """Without a password nobody watches."""
        try:
            said = self.picture(mount)
        except Failed:
            return
        raise Failed(f"{mount} is for everybody: {said}")

    def terminal(self, user, command, wanted, key):
        """Runs it in a terminal over SSH until it shows what is wanted, then presses a key: it has to end. Without a key the
        line is cut: ssh is killed."""
        pid, end = pty.fork()
        if pid == 0:
            os.environ["TERM"] = "xterm-256color"
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
            os.execvp("ssh", [*self.line, "-tt", f"{user}@127.0.0.1", command])
        seen, deadline = b"", time.monotonic() + PATIENCE
        pressed = False
        while time.monotonic() < deadline:
            if select.select([end], [], [], 0.5)[0]:
                try:
                    piece = os.read(end, 65536)
                except OSError:
                    piece = b""
                if not piece:
                    break
                seen += piece
            if not pressed and wanted in seen:
                if key is None:
                    os.kill(pid, 9)
                else:
                    os.write(end, key)
                pressed = True
        else:
            os.kill(pid, 9)
        _, status = os.waitpid(pid, 0)
        os.close(end)
        if not pressed or status != (9 if key is None else 0):
            raise Failed(f"{command!r} in a terminal: status {status}, seen {seen[-2000:]!r}")


def boots(machine):
    machine.until("the machine", "systemctl is-system-running || true", lambda said: said in ("running", "degraded"))
    failed = machine.say("systemctl list-units --failed --no-legend --plain")
    kernel = machine.say("uname -r; systemctl --version | head -1")
    machine.before = files(machine)
    return f"{kernel.splitlines()}, failed units: {failed or 'none'}"


def files(machine):
    """Every file there is, but for what any package's coming and going leaves."""
    listing = machine.say("find / -xdev \\( -path /lab -o -path /proc -o -path /var/log -o -path /var/cache -o -path /tmp "
                          "-o -path /var/tmp -o -path /root -o -path '/home' -o -path '/var/lib/dpkg/*-old' \\) -prune -o -print")
    return set(listing.splitlines())


def a_full_disk_is_told_before_anything_is_installed(machine):
    machine.say("fallocate -l $(($(df --output=avail -B1 / | tail -1) - 4000000)) /filling")
    said = machine.refused("dpkg -i /lab/lenslet.deb", ["MB are free", "make room"])
    machine.say("rm /filling")
    machine.refused("getent passwd lenslet", [])
    machine.refused("command -v lenslet", [])
    return next(line for line in said.splitlines() if "make room" in line)


def a_taken_port_is_told_and_waited_for(machine):
    machine.say("systemd-run -q --unit=taker --socket-property=ListenStream=8554 --socket-property=Accept=no /bin/sleep 600")
    said = machine.say("groupdel render; dpkg -i /lab/lenslet.deb")
    for word in ("does not start", "8554", "lenslet tui", "rtsp://machine:8554/test", CONFIG):
        if word not in said:
            raise Failed(f"the installation does not say {word!r}: {said}")
    machine.say("systemctl stop taker.socket")
    machine.is_up()
    return next(line for line in said.splitlines() if "8554" in line)


def runs_as_its_own_user_with_the_groups_for_cameras(machine):
    status = machine.say("cat /proc/$(systemctl show lenslet -P MainPID)/status")
    ids = {name: machine.say(f"id -g {name} 2>/dev/null || getent group {name} | cut -d: -f3").strip()
           for name in ("lenslet", "video", "render", "audio")}
    groups = re.search(r"^Groups:\s*(.*)$", status, re.M).group(1).split()
    if not set(ids.values()) <= set(groups) or "Uid:\t0" in status:
        raise Failed(f"groups {groups}, wanted {ids}")
    if machine.say("systemctl is-enabled lenslet") != "enabled":
        raise Failed("it is not started with the machine")
    return machine.say("lenslet --version").replace("\n", ", ")


def a_picture_for_many_viewers_fits_the_sockets(machine):
    """The service may not ask for more than anybody may have."""
    most = machine.say("cat /proc/sys/net/core/wmem_max").strip()
    if most != "8388608":
        raise Failed(f"sockets may have {most} bytes")
    return f"{most} bytes"


def every_command_has_its_page_and_shells_complete_it(machine):
    helped = machine.say("lenslet --help").split("Commands:")[1].split("Options:")[0]
    commands = set(re.findall(r"^  ([a-z]+)", helped, re.M)) - {"help"}
    machine.say("cd /usr/share && test -s man/man1/lenslet.1.gz && "
                + " && ".join(f"zcat man/man1/lenslet-{name}.1.gz | grep -q '^.SH NAME'" for name in sorted(commands)))
    for place in ("bash-completion/completions/lenslet", "zsh/vendor-completions/_lenslet", "fish/vendor_completions.d/lenslet.fish"):
        text = machine.say(f"cat /usr/share/{place}")
        if lacking := [name for name in commands if name not in text]:
            raise Failed(f"{place} does not know {lacking}")
    return f"{len(commands)} commands"


def pictures_reach_the_host(machine):
    return machine.picture()


def a_camera_is_let_through_the_units_fence(machine):
    machine.say("modprobe vivid n_devs=1 node_types=1")
    machine.until("its node", "stat -c %G /dev/video0", lambda said: said == "video")
    # `udevadm verify` came with systemd 254: here the rules' reader tells of what it does not understand, and what it did.
    told = machine.say("udevadm test $(udevadm info -q path -n /dev/video0) 2>&1")
    wrong = [line for line in told.splitlines() if "60-lenslet.rules:" in line and re.search("ignor|invalid|fail", line, re.I)]
    if wrong or not re.search(r"60-lenslet\.rules:\d+ GROUP", told):
        raise Failed(f"udev's rules: {wrong or told}")
    machine.say("systemctl restart lenslet")
    machine.is_up()
    said = machine.picture("camera0")
    machine.say("systemctl stop lenslet && rmmod vivid && systemctl start lenslet")
    machine.is_up()
    return said


def what_comes_after_the_start_is_let_through_the_units_fence_and_disks_are_not(machine):
    """Opened from where the service is: in its control group, its mounts, as its user. They come as the first of their kind."""
    loaded = machine.say("grep -wE 'vivid|snd_dummy' /proc/modules || true")
    if loaded:
        raise Failed(f"loaded before: {loaded}")
    machine.say("systemctl restart lenslet")
    machine.is_up()
    machine.say("modprobe -a snd-dummy vivid loop")
    service = machine.property("MainPID")

    def opened(device, as_whom):
        return (f"echo $$ >/sys/fs/cgroup$(cut -d: -f3 /proc/{service}/cgroup)/cgroup.procs && "
                f"nsenter -t {service} -m -- {as_whom} sh -c ': <{device}'")

    its_user = "setpriv --reuid lenslet --regid lenslet --init-groups"
    for device, group in (("/dev/snd/pcmC0D0c", "audio"), ("/dev/video0", "video")):
        machine.until(device, f"stat -c %G {device}", lambda said, group=group: said == group)
        machine.say(opened(device, its_user))
    # Not even root, who may outside.
    machine.until("a disk", ": </dev/loop0")
    machine.refused(opened("/dev/loop0", ""), ["/dev/loop0", "Operation not permitted"])
    if machine.property("MainPID") != service:
        raise Failed("it was started anew meanwhile")
    machine.say("systemctl stop lenslet && rmmod vivid snd_dummy && systemctl start lenslet")
    machine.is_up()
    return "a sound device and a camera, and no disk"


def the_watchdog_is_answered_and_bites(machine):
    if machine.property("WatchdogUSec") != "20s":
        raise Failed(machine.property("WatchdogUSec"))
    machine.say("mkdir -p /run/systemd/system/lenslet.service.d; printf '[Service]\\nWatchdogSec=2\\nTimeoutAbortSec=1\\n' "
                ">/run/systemd/system/lenslet.service.d/watchdog.conf; systemctl daemon-reload; systemctl restart lenslet")
    machine.is_up()
    first = machine.property("WatchdogTimestampMonotonic")
    machine.until("a sign of life", "systemctl show lenslet -P WatchdogTimestampMonotonic", lambda said: said != first)
    restarts = int(machine.property("NRestarts"))
    machine.say("kill -STOP $(systemctl show lenslet -P MainPID)")
    machine.until("the restart", "systemctl show lenslet -P NRestarts", lambda said: int(said) > restarts)
    machine.say("rm -r /run/systemd/system/lenslet.service.d; systemctl daemon-reload; systemctl restart lenslet")
    machine.is_up()
    return "a daemon that hangs is started anew"


def the_control_socket_is_for_the_group(machine):
    machine.refused("lenslet status", ["may not be opened", "group"], user="stranger")
    machine.say("gpasswd -a member lenslet")
    subprocess.run([*machine.ssh, "-O", "exit", "member@127.0.0.1"], stderr=subprocess.DEVNULL)
    for user in ("root", "member"):
        if "test" not in machine.say("lenslet status", user):
            raise Failed(user)
    return "root and the group's members are told, others why not"


def the_screen_comes_over_ssh(machine):
    if machine.run("lenslet tui --help", user="member")[0] == 0:
        machine.terminal("member", "lenslet tui", b"test", b"q")
        return "lenslet tui, and q ends it"
    machine.say("lenslet status", "member")
    return "lenslet status (this one has no `lenslet tui`)"


def a_line_that_is_cut_leaves_no_screen_and_the_service(machine):
    if machine.run("lenslet tui --help", user="member")[0] != 0:
        return "this one has no `lenslet tui`"
    pid = machine.property("MainPID")
    machine.terminal("member", "lenslet tui", b"test", None)
    machine.until("the end of the screen", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '", lambda said: "lenslet tui" not in said)
    if machine.property("MainPID") != pid:
        raise Failed("the service is another")
    return machine.picture()


def the_control_socket_comes_through_ssh(machine):
    """As docs/control.md says: the daemon sees who signed in there."""
    told = []
    for user in ("member", "stranger"):
        socket = f"{machine.options.key}.{user}.control"
        forward = ["-N", "-o", "ExitOnForwardFailure=yes", "-L", f"{socket}:/run/lenslet/control.sock"]
        line = subprocess.Popen([*machine.line, *forward, f"{user}@127.0.0.1"], stdin=subprocess.DEVNULL)
        try:
            end = time.monotonic() + PATIENCE
            while not os.path.exists(socket):
                if time.monotonic() > end or line.poll() is not None:
                    raise Failed(f"ssh forwards nothing for {user}")
                time.sleep(0.2)
            ask = [machine.options.lenslet, "status", "--control", socket]
            done = subprocess.run(ask, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
            told.append((done.returncode, "test" in done.stdout, done.stdout.splitlines()[-1:]))
        finally:
            line.kill()
            line.wait()
    (member, seen, _), (stranger, _, words) = told
    if member != 0 or not seen or stranger == 0:
        raise Failed(told)
    return f"a member is told, a stranger: {words}"


def it_may_start_the_machine_anew(machine):
    """For `on_encoder_wedged: Reboot`; nobody else may who has not signed in."""
    ask = ("setpriv --reuid {0} --regid $(id -g {0}) --clear-groups busctl call org.freedesktop.login1 /org/freedesktop/login1 "
           "org.freedesktop.login1.Manager CanReboot")
    may, others = machine.say(ask.format("lenslet")), machine.say(ask.format("sshd"))
    if may != 's "yes"' or others == may:
        raise Failed(f"{may}, others {others}")
    return f"{may}, others {others}"


def the_unit_is_fenced_in(machine):
    said = machine.say("systemd-analyze security --no-pager lenslet.service | tail -1")
    figure = float(re.search(r"([0-9.]+) \w+", said.split(":")[1]).group(1))
    if figure > MOST_EXPOSED:
        raise Failed(said)
    units = "lenslet.service lenslet.socket lenslet-backup.service lenslet-backup.timer"
    wrong = machine.say(f"cd /usr/lib/systemd/system && systemd-analyze verify --man=no {units} 2>&1 | grep -i lenslet || true")
    if wrong:
        raise Failed(wrong)
    return said.encode("ascii", "ignore").decode().strip()


def port_554_comes_from_systemd(machine):
    machine.say("systemctl stop lenslet; systemctl enable -q --now lenslet.socket; systemctl start lenslet")
    machine.is_up()
    return machine.picture(port=machine.options.low)


def a_group_that_somebody_removed_costs_no_service(machine):
    machine.say("groupdel render; systemctl restart lenslet")
    machine.is_up()
    machine.say("systemd-sysusers lenslet.conf")
    return machine.picture()


def the_configuration_is_written_by_program_and_by_hand(machine):
    machine.say("lenslet config set 'mounts' '{\"door\": Pattern(width: 320, height: 240)}'", user="member")
    machine.until("the mount", "lenslet status --json", lambda said: '"door"' in said)
    machine.say(f"printf '// by hand\\n(mounts: {{\"yard\": Pattern(width: 320, height: 240)}})\\n' >{CONFIG}")
    machine.until("the mount", "lenslet status --json", lambda said: '"yard"' in said)
    owner = machine.say(f"stat -c '%U %G %a' {CONFIG}")
    if owner != "lenslet lenslet 660":
        raise Failed(f"{CONFIG}: {owner}")
    return machine.picture("yard")


def an_upgrade_keeps_what_was_written(machine):
    pid = machine.property("MainPID")
    said = machine.say("DEBIAN_FRONTEND=noninteractive dpkg -i /lab/later.deb </dev/null")
    machine.until("the new one", "systemctl show lenslet -P MainPID", lambda said: said not in ("0", pid))
    machine.is_up()
    if "by hand" not in machine.say(f"cat {CONFIG}") or "door" in machine.say("lenslet status --json"):
        raise Failed(f"{CONFIG} was changed: {said}")
    return machine.picture("yard")


def an_upgrade_over_a_broken_configuration_serves_what_was_served(machine):
    machine.say(f"printf '(mounts: {{' >{CONFIG}")
    said = machine.say("dpkg -i /lab/later.deb </dev/null")
    if "is not right" not in said or f"{CONFIG}:1:" not in said:
        raise Failed(said)
    machine.is_up()
    machine.picture("yard")
    machine.say(f"printf '// by hand\\n(mounts: {{\"yard\": Pattern(width: 320, height: 240)}})\\n' >{CONFIG}")
    return next(line for line in said.splitlines() if "is not right" in line)


def at_rest_next_to_nothing_is_written(machine):
    """By write(2) to whatever it is, disks or not: an upper bound, which holds on a root in memory too. And what it logs."""
    wrote = "awk '/^wchar/ { print $2 }' /proc/$(systemctl show lenslet -P MainPID)/io"
    before, *_, after, logged = machine.say(
        f"{wrote}; began=$(date +%s); sleep 20; {wrote}; journalctl -u lenslet --since=@$began -o cat -q | wc -c").split()
    hourly = (int(after) - int(before) + int(logged)) * 180
    if hourly > MOST_WRITTEN:
        raise Failed(f"{hourly} bytes in an hour")
    return f"{hourly} bytes in an hour, {int(logged) * 180} of them logged"


def an_upgrade_translates_an_earlier_versions_configuration(machine):
    """Schema 0 took a camera's width without a height, and passed it over."""
    machine.say(f"""systemctl stop lenslet; printf '// by hand\\n(schema: 0, mounts: {{
    "yard": Pattern(width: 320, height: 240),
    "old": Camera(device: "/dev/video9", width: 640, fps: 5), // stays
}})\\n' >{CONFIG}""")
    said = machine.say("dpkg -i /lab/later.deb </dev/null")
    if "is not right" in said or "earlier version" not in said:
        raise Failed(said)
    machine.is_up()
    machine.picture("yard")
    text = machine.say(f"lenslet check --config {CONFIG} >/dev/null && cat {CONFIG}")
    if any(word not in text for word in ("// by hand", "schema: 1", "fps: 5", "// stays")) or "width: 640" in text:
        raise Failed(text)
    machine.say("grep -rqs 'width: 640' /var/lib/lenslet/history")
    machine.say(f"printf '// by hand\\n(mounts: {{\"yard\": Pattern(width: 320, height: 240)}})\\n' >{CONFIG}")
    return next(line for line in said.splitlines() if "earlier version" in line)


def a_copy_of_the_configuration_is_kept(machine):
    machine.say("systemctl enable -q --now lenslet-backup.timer && systemctl start lenslet-backup.service")
    kept = machine.say("find /var/lib/lenslet/backups -type f -printf '%f %u %m\\n'")
    if len(kept.splitlines()) != 1 or " lenslet 6" not in kept:
        raise Failed(kept)
    return kept


def what_root_restores_is_the_services(machine):
    """As docs/recovery.md has it, beside the service and without it."""
    machine.say(f"cd /root && cp {CONFIG} kept.ron && echo horse >pass && printf sesame | lenslet user add anna --password-stdin && "
                "lenslet backup --passphrase-file pass box.backup && systemctl stop lenslet.socket lenslet && "
                "cd /var/lib/lenslet && rm -r users.ron history && rm -f bans.ron && systemctl start lenslet.socket lenslet")
    restore = "cd /root && lenslet restore --passphrase-file pass box.backup"
    machine.is_up()
    for script in (restore, f"systemctl stop lenslet.socket lenslet && rm -r /var/lib/lenslet/users.ron /var/lib/lenslet/history && {restore} && "
                            f"echo >>{CONFIG} && lenslet config rollback $(lenslet config history | sed -n 's/ .*//;1p') && systemctl start lenslet.socket lenslet"):
        machine.say(script)
        machine.is_up()
        machine.until("the users", "lenslet user list", lambda said: "anna" in said)
        machine.refused("find /var/lib/lenslet ! -user lenslet | grep .", [])
        machine.say("[ $(stat -c %a /var/lib/lenslet/users.ron) = 600 ] && lenslet config set max_sessions 50")
        machine.shut_out("yard")
        machine.picture("yard", user="anna:sesame")
    machine.say(f"cat /root/kept.ron >{CONFIG} && lenslet user remove anna && rm /root/kept.ron /root/pass /root/box.backup")
    return machine.until("what was there", "lenslet urls && lenslet config history", lambda said: "/yard" in said).splitlines()[-1]


def a_root_that_is_read_only_serves(machine):
    """State in memory, the configuration and the users on the boot partition: as docs/install.md says."""
    machine.say("mkdir -p /boot/firmware && mount -t tmpfs tmp /boot/firmware && mkdir /boot/firmware/lenslet")
    # FAT has no owners: everybody reads, root writes.
    users_file = 'access: (users_file: "/var/lib/lenslet/users.ron")'
    machine.say(f"sed 's|^(mounts|({users_file}, mounts|' {CONFIG} >/boot/firmware/lenslet/lenslet.ron; "
                "chmod 755 /boot/firmware/lenslet/lenslet.ron; grep -q users_file /boot/firmware/lenslet/lenslet.ron")
    machine.say("""mkdir -p /etc/systemd/system/lenslet.service.d && cat >/etc/systemd/system/lenslet.service.d/read-only.conf <<EOT
[Service]
ExecStart=
ExecStart=/usr/bin/lenslet serve --config /boot/firmware/lenslet/lenslet.ron
ExecStartPre=+-/usr/bin/install -m 600 -o lenslet -g lenslet /boot/firmware/lenslet/users.ron /var/lib/lenslet/users.ron
EOT
install -D -m 644 /usr/share/lenslet/journald-sd-card.conf /etc/systemd/journald.conf.d/sd-card.conf
systemctl daemon-reload; systemctl restart systemd-journald; systemctl stop lenslet.socket lenslet
mount -t tmpfs -o size=4M tmpfs /var/lib/lenslet; mount -t tmpfs tmpfs /tmp; mount -t tmpfs tmpfs /var/tmp
printf sesame | lenslet user add anna --password-stdin --config /boot/firmware/lenslet/lenslet.ron
install -m 755 /var/lib/lenslet/users.ron /boot/firmware/lenslet/; rm /var/lib/lenslet/users.ron; mount -o remount,ro /boot/firmware""")
    if machine.run("mount -o remount,ro /")[0] != 0:
        raise Failed("somebody writes: " + machine.say(
            "for f in /proc/[0-9]*/fd/*; do grep -qs 'flags:.*0[0-9]*[12]$' ${f%/fd/*}/fdinfo/${f##*/} && echo $f $(readlink $f); "
            "done | grep -v ' /dev\\| socket:\\| pipe:\\| anon_inode\\| /proc\\| /sys'; true"))
    machine.say("systemctl start lenslet || { journalctl -b --no-pager -n 20; exit 1; }")
    machine.refused("touch /written", ["Read-only"])
    machine.is_up()
    for _ in range(2):
        said = machine.picture("yard", user="anna:sesame")
        machine.shut_out("yard")
        # What was in memory is gone with the next start of the machine.
        machine.say("systemctl stop lenslet; umount /var/lib/lenslet; mount -t tmpfs -o size=4M tmpfs /var/lib/lenslet; systemctl start lenslet")
        machine.is_up()
    status = json.loads(machine.say("lenslet status --json"))
    if "read_only" not in json.dumps(status.get("config", status)):
        raise Failed(f"status does not say that nothing can be written: {status}")
    machine.say("systemctl stop lenslet; mount -o remount,rw / && umount /var/lib/lenslet /tmp /var/tmp && rm -r /etc/systemd/system/lenslet.service.d && systemctl daemon-reload && umount /boot/firmware && rmdir /boot/firmware && rm -r /etc/systemd/journald.conf.d && systemctl start lenslet.socket lenslet")
    machine.is_up()
    return said


def what_is_removed_comes_back_as_it_was(machine):
    machine.say("dpkg -r lenslet")
    machine.refused("ss -ltn | grep ':8554 '", [])
    machine.say(f"grep -q 'by hand' {CONFIG}")
    machine.say("dpkg -i /lab/later.deb")
    machine.is_up()
    return machine.picture("yard")


def a_purge_leaves_nothing(machine):
    machine.say("dpkg --purge lenslet")
    left = {path for path in files(machine) - machine.before if not path.startswith(("/run/", "/sys/", "/dev/"))}
    named = machine.say("find / -xdev -path /lab -prune -o -path /proc -prune -o -path /var/log -prune -o -name '*lenslet*' -print")
    if left or named or machine.run("getent passwd lenslet || getent group lenslet")[0] == 0:
        raise Failed(f"left: {sorted(left)} {named}")
    machine.refused("systemctl cat lenslet", ["No files found"])
    return "no file, no user, no group, no unit"


STEPS = [
    boots,
    a_full_disk_is_told_before_anything_is_installed,
    a_taken_port_is_told_and_waited_for,
    runs_as_its_own_user_with_the_groups_for_cameras,
    a_picture_for_many_viewers_fits_the_sockets,
    every_command_has_its_page_and_shells_complete_it,
    pictures_reach_the_host,
    at_rest_next_to_nothing_is_written,
    what_comes_after_the_start_is_let_through_the_units_fence_and_disks_are_not,
    a_camera_is_let_through_the_units_fence,
    the_control_socket_is_for_the_group,
    the_screen_comes_over_ssh,
    a_line_that_is_cut_leaves_no_screen_and_the_service,
    the_control_socket_comes_through_ssh,
    the_watchdog_is_answered_and_bites,
    it_may_start_the_machine_anew,
    the_unit_is_fenced_in,
    port_554_comes_from_systemd,
    a_group_that_somebody_removed_costs_no_service,
    the_configuration_is_written_by_program_and_by_hand,
    an_upgrade_keeps_what_was_written,
    an_upgrade_over_a_broken_configuration_serves_what_was_served,
    an_upgrade_translates_an_earlier_versions_configuration,
    a_copy_of_the_configuration_is_kept,
    what_root_restores_is_the_services,
    a_root_that_is_read_only_serves,
    what_is_removed_comes_back_as_it_was,
    a_purge_leaves_nothing,
]


def main():
    parser = argparse.ArgumentParser()
    for name in ("ssh", "rtsp", "low"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--key")
    parser.add_argument("--lenslet")
    parser.add_argument("--only", nargs="*", help="words of the steps' names: to work on one")
    options = parser.parse_args()
    machine = Machine(options)
    chosen = [step for step in STEPS if not options.only or any(word in step.__name__ for word in options.only)]
    began, failed = time.monotonic(), 0
    for step in chosen:
        name = step.__name__.replace("_", " ")
        try:
            said = step(machine)
        except (Failed, subprocess.TimeoutExpired, StopIteration) as error:
            # The others say more about what is wrong.
            name, said, failed = f"FAILED: {name}", error, failed + 1
        print(f"   {time.monotonic() - began:5.1f} s  {name}\n            {said}", flush=True)
        if failed and step is boots:
            break
    print(f"{len(chosen) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
