"""The servers that are compared: each is started on one core and stopped again."""

import os
import pathlib
import signal
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
BUILT = ROOT / "target/fan_out/release"
CLIPS = ROOT / "target/fan_out/clips"

# Bytes of an IP packet in Lenslet's default configuration, less IPv6 and UDP heads: the others' RTP packets.
RTP_PACKET = 1420 - 48

# Modes of the bare loop, by what carries the packets.
BARE = {"tcp": ["bare tcp-send"], "udp": ["bare udp-sendmmsg", "bare udp-gso", "bare udp-gso-all"]}


def make_clips():
    """1080p30 at 4 Mbit/s with a keyframe a second (ten seconds; two minutes of it as MP4), and one with 2 s."""
    CLIPS.mkdir(parents=True, exist_ok=True)
    for gop, name in [(30, "clip"), (60, "slow")]:
        raw, movie = CLIPS / f"{name}.h264", CLIPS / f"{name}.mp4"
        if movie.exists():
            continue
        ffmpeg(
            "-f lavfi -i testsrc2=size=1920x1080:rate=30 -t 10 -c:v libx264 -preset veryfast -profile:v main "
            f"-pix_fmt yuv420p -bf 0 -g {gop} -keyint_min {gop} -sc_threshold 0 -b:v 4M -maxrate 4M -bufsize 2M",
            raw,
        )
        # ffmpeg does not loop a raw stream.
        long = CLIPS / "long.h264"
        long.write_bytes(raw.read_bytes() * 12)
        ffmpeg(f"-r 30 -f h264 -i {long} -c copy", movie)
        long.unlink()


def ffmpeg(arguments, to):
    subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments.split(), to], check=True)


def build():
    cargo = ["cargo", "build", "-q", "--release"]
    if "LENSLET" not in os.environ:
        subprocess.run(cargo, cwd=ROOT, check=True)
    own = ["--manifest-path", HERE / "Cargo.toml", "--target-dir", ROOT / "target/fan_out"]
    subprocess.run([*cargo, *own], cwd=ROOT, check=True)


# What their configurations have. More than one worker has both cores, and shares the second with the viewers.
LENSLETS = {
    "lenslet": "",
    "lenslet 2 workers": "workers: 2,",
    # On loopback, whose speed has no bound, `Auto` spreads nothing.
    "lenslet-paced": "pacing: On,",
}


class Server:
    """A running server: its process and where its clip is played."""

    def __init__(self, name, mount="clip"):
        self.folder = tempfile.TemporaryDirectory()
        self.log = open(pathlib.Path(self.folder.name) / "log", "w+")
        # The others serve one clip under one name.
        self.played = mount if name in LENSLETS else "clip"
        cores = "0,1" if "workers" in LENSLETS.get(name, "") else "0"
        self.process = subprocess.Popen(
            ["taskset", "-c", cores, *self.command(name, mount)], stdout=subprocess.PIPE, stderr=self.log, text=True
        )
        # Each says its URL first; Lenslet one of them all.
        for line in self.process.stdout:
            urls = [word for word in line.split() if word.startswith("rtsp://") and word.endswith(f"/{self.played}")]
            if urls:
                self.url = urls[0]
                break
        else:
            self.log.seek(0)
            raise RuntimeError(f"{name} did not start: {self.log.read()}")

    def command(self, name, mount):
        if name in LENSLETS:
            file = pathlib.Path(self.folder.name) / "lenslet.ron"
            file.write_text(CONFIGURATION.replace("CLIPS", str(CLIPS)).replace("SETTINGS", LENSLETS[name]))
            lenslet = os.environ.get("LENSLET", ROOT / "target/release/lenslet")
            # The machine's own control socket is not this one's: commands of others would ask it.
            return [lenslet, "serve", "--config", file, "--control", file.with_name("control.sock")]
        if name == "gst":
            return [HERE / "gst.py", CLIPS / f"{mount}.mp4", str(RTP_PACKET)]
        mode = name.removeprefix("bare ")
        return [BUILT / "bare", "--mode", mode, "--clip", CLIPS / f"{mount}.h264"]

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.folder.cleanup()


CONFIGURATION = """(
    listen: ["127.0.0.1:0"],
    SETTINGS
    mounts: {
        "clip": File(path: "CLIPS/clip.mp4"),
        "slow": File(path: "CLIPS/slow.mp4"),
        "test": Pattern(width: 640, height: 480, fps: 30, bitrate: 1000000, gop: 60),
    },
)
"""
