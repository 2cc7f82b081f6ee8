#!/usr/bin/env bash
# The guest's half of `run`: plug in, probe, serve, receive, pull the plug, look whether the server lives.
set -u
fail() { echo "FAIL: $*"; echo '--- server log'; tail -n 40 /tmp/serve.log 2>/dev/null; exit 1; }
pass() { echo "ok: $*"; }

# Asks what is served at a path; succeeds on a 200 with an SDP that has video in it.
describe() {
    python3 - "$1" <<'PY'
import socket, sys, time
deadline = time.monotonic() + 30
while True:                                     # a mount may answer 503 while its source starts
    try:
        s = socket.create_connection(('127.0.0.1', 8554), 5); s.settimeout(15)
        s.sendall(f'DESCRIBE rtsp://127.0.0.1:8554/{sys.argv[1]} RTSP/1.0\r\nCSeq: 1\r\n\r\n'.encode())
        reply = b''
        while b'm=video' not in reply and (part := s.recv(4096)): reply += part
        if reply.startswith(b'RTSP/1.0 200') and b'm=video' in reply: sys.exit(0)
    except OSError as e: reply = str(e).encode()
    if time.monotonic() > deadline: print(reply.decode(errors='replace')); sys.exit(1)
    time.sleep(0.5)
PY
}

python3 "$LAB/uvccam.py" --h264 "$H264" & camera=$!
for _ in $(seq 120); do [ -e /dev/video0 ] && break; sleep 0.25; done
[ -e /dev/video0 ] || fail 'the camera made no /dev/video0'
sleep 1

"$LENSLET" probe --json >/tmp/probe.json || fail "probe exited with $?"
python3 - <<'PY' || fail "probe: $(cat /tmp/probe.json)"
import json
found = json.load(open('/tmp/probe.json'))
found = found.get('cameras', found) if isinstance(found, dict) else found
assert len(found) == 1, 'one camera and no metadata node'
assert found[0]['path'] == '/dev/video0' and 'gives H.264' in found[0]['verdict']
assert {'YUYV', 'H264'} <= {f['fourcc'] for f in found[0]['formats']}
PY
pass 'probe finds the camera and leaves its metadata node out'

"$LENSLET" serve >/tmp/serve.log 2>&1 & server=$!
describe camera0 || fail 'DESCRIBE of /camera0'
timeout 90 ffmpeg -v error -y -rtsp_transport tcp -i rtsp://127.0.0.1:8554/camera0 -frames:v 20 -c copy -f h264 \
    /lab/out/received.h264 || fail "ffmpeg exited with $?"
pictures=$(ffprobe -v error -count_frames -show_entries stream=nb_read_frames -of csv=p=0 /lab/out/received.h264)
[ "${pictures:-0}" -ge 20 ] || fail "received ${pictures:-no} pictures of 20"
pass "received $pictures pictures of /camera0"

kill -USR1 "$camera"; wait "$camera" 2>/dev/null
for _ in $(seq 40); do [ -e /dev/video0 ] || break; sleep 0.25; done
[ -e /dev/video0 ] && fail 'the camera was unplugged and its node is still there'
sleep 2
kill -0 "$server" 2>/dev/null || fail 'the server died when the camera was unplugged'
describe test || fail 'DESCRIBE of /test after the camera was unplugged'
kill -0 "$server" 2>/dev/null || fail 'the server died'
pass 'the camera was unplugged: the server lives and /test answers'
grep -q 'the camera is gone' /tmp/serve.log && pass 'the log says why'

kill -TERM "$server"; wait "$server"; status=$?
[ "$status" = 0 ] || fail "the server ended with $status"
