#!/usr/bin/env bash
# What the guests' rows of `run` use. Here time passes about 20 times as slowly as outside: everything waits for an event.
set -u
# shellcheck disable=SC2034 # for those behind it
codec=/sys/module/labcodec/parameters
# Users of this machine's own server would be asked for passwords here. What the guest removes is there still outside.
rm -rf /var/lib/lenslet
fail() { echo "FAIL: $*"; for log in /tmp/serve.*.log; do echo "--- $log"; grep -v 'broken picture' "$log" | tail -n 40; done; exit 1; }
pass() { echo "ok: $* ($(cut -d. -f1 /proc/uptime) s)"; }

# until_true SECONDS COMMAND...: repeats it until it succeeds.
until_true() { local end=$((SECONDS + $1)); shift; until "$@"; do [ "$SECONDS" -lt "$end" ] || return 1; sleep 0.25; done; }
node() { grep -qs 'lab UVC' /sys/class/video4linux/video*/name; }
no_node() { ! node; }
larger() { [ "$(stat -c %s "$1" 2>/dev/null || echo 0)" -gt "$2" ]; }

# describe PATH: prints the reply to one DESCRIBE.
describe() {
    python3 - "$1" <<'PY'
import socket, sys
s = socket.create_connection(('127.0.0.1', 8554), 5); s.settimeout(30)
s.sendall(f'DESCRIBE rtsp://127.0.0.1:8554/{sys.argv[1]} RTSP/1.0\r\nCSeq: 1\r\n\r\n'.encode())
reply = b''
while b'\r\n\r\n' not in reply or (b' 200 ' in reply[:14] and b'm=video' not in reply):
    part = s.recv(4096)
    if not part: break
    reply += part
print(reply.decode(errors='replace'))
PY
}
# shellcheck disable=SC2034 # for those behind it
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
# By the control socket, while the server runs; has NODE CONTROL VALUE: by the driver.
steer() { "$LENSLET" "$@" --control /tmp/lab.control >/tmp/steer.log 2>&1; }
has() { v4l2-ctl -d "$1" -C "$2" | grep -q ": $3\b"; }
plays() { describe "$1" 2>/dev/null | grep -q '^m=video'; }
receive() {                         # PATH FILE: 30 pictures
    timeout 120 ffmpeg -v error -y -rtsp_transport tcp -i "rtsp://127.0.0.1:8554/$1" -frames:v 30 -c copy \
        -f "${2##*.}" "/lab/out/$2" 2>"/tmp/$2.log" || fail "$1: ffmpeg exited with $?: $(cat "/tmp/$2.log")"
    pass "ffmpeg received 30 pictures of /$1: $(stat -c %s "/lab/out/$2") bytes"
}
# take PATH FILE: the same by lenslet receive. Here ffmpeg takes seconds to start, and has been seen with each kind of picture.
take() {
    local list=/tmp/$2.csv
    rm -f "$list"
    "$LENSLET" receive --transport tcp --seconds 120 --save "/lab/out/$2" --pictures "$list" "rtsp://127.0.0.1:8554/$1" >"/tmp/$2.log" 2>&1 &
    local taker=$!
    # Below its head, and what comes when the file's last picture is not whole yet.
    until_true 120 lines "$list" 32 || fail "$1: $(cat "/tmp/$2.log" "$list")"
    kill -INT "$taker"; wait "$taker" || fail "$1: $(cat "/tmp/$2.log")"
    pass "lenslet received $(grep -c '^0' "$list") pictures of /$1: $(stat -c %s "/lab/out/$2") bytes"
}
# record PATH FILE: takes it in the background, until it is told to end.
record() { "$LENSLET" receive --transport tcp --seconds 600 --save "$2" "rtsp://127.0.0.1:8554/$1" >"$2.log" 2>&1 & reader=$!; }
recorded() { kill -INT "$reader"; wait "$reader" 2>/dev/null; }
lines() { [ "$(wc -l 2>/dev/null <"$1" || echo 0)" -ge "$2" ]; }
plug() { python3 "$LAB/uvccam.py" --h264 "$H264" --mjpeg "$MJPEG" --break 7 & camera=$!; until_true 60 node || fail 'the camera made no node'; }
unplug() { kill -USR1 "$camera"; wait "$camera" 2>/dev/null; until_true 20 no_node || fail 'the unplugged camera left its node'; }
serve() { "$LENSLET" serve --control /tmp/lab.control "${@:2}" >"/tmp/serve.$1.log" 2>&1 & server=$!; log=/tmp/serve.$1.log; until_true 60 grep -q listening "$log" || fail 'the server does not listen'; }
stop() { kill -TERM "$server"; wait "$server" || fail "the server ended with $?"; cp "$log" /lab/out/; }
told() { grep -q "$1" "$log" || fail "the log does not say: $1"; pass "the log says: $(grep -o "$1.*" "$log" | head -1)"; }
raw_cameras() {                     # vivid's, and the encoder, whose parameters are at $codec
    [ ! -e "$codec" ] || return 0
    modprobe labcodec video_nr=40 || fail 'labcodec'
    # HDMI inputs that scale, and do not compose: a picture that is larger than the last would have a margin. Behind them webcams.
    modprobe vivid n_devs=2 node_types=1,1 multiplanar=1,2 num_inputs=2,2 input_types=3,3 ccs_cap_mode=4,4 vid_cap_nr=30,31 || fail 'vivid'
}
# still NODE: a picture with edges both ways that does not change.
still() { v4l2-ctl -d "$1" -c osd_text_mode=2 -c test_pattern=4 -c show_border=1 -c horizontal_movement=3; }
# moving NODE: a picture in which each column is another and that moves by the same, four pixels, from one picture to the next.
moving() { v4l2-ctl -d "$1" -c osd_text_mode=2 -c test_pattern=20 -c show_border=0 -c horizontal_movement=6; }

# signal NODE RATE: so many pictures a second come in by HDMI.
signal() {
    local index
    index=$(v4l2-ctl -d "$1" --list-dv-timings | awk -v rate="($2.00 frames" '
        /Index:/ { index_ = $2 } /Active width: 1280/ { wide = index_ }
        /Active height: 720/ { high = index_ } index($0, rate) && wide == index_ && high == index_ { print index_; exit }')
    v4l2-ctl -d "$1" --set-dv-bt-timings "index=$index" >/dev/null
}
