# shellcheck shell=bash disable=SC2154,SC2034 # behind guest.sh
echo '== the bitrate changed while it is served, seen in the stream'
# Noise is as many bits as it is let be.
for node in /dev/video30 /dev/video31; do v4l2-ctl -d $node -c osd_text_mode=2 -c test_pattern=21; done
# The driver's own rate control is rough: what is beyond a picture's share of the bitrate is not coded.
echo Y >"$codec/rate_control"; echo >"$codec/only"; echo N >"$codec/no_dmabuf"
python3 "$LAB/live.py" bitrate /dev/video31 Hardware >/tmp/live.hardware 2>&1 & hardware=$!
python3 "$LAB/live.py" bitrate /dev/video30 Software || fail 'bitrate'
wait "$hardware" || fail "the bitrate of the hardware encoder: $(cat /tmp/live.hardware)"
cat /tmp/live.hardware
echo N >"$codec/rate_control"

echo '== a keyframe forced, a control set and the bitrate changed while it is served'
echo 3 >/sys/class/video4linux/video40/dev_debug
still /dev/video30
# changed BY: of the tests, the one in which that codes.
changed() {
    v4l2-ctl -d /dev/video30 -c brightness=128
    LAB_CAMERA=/dev/video30 timeout 120 "$IT" --ignored --exact "lab::keyframe_control_and_bitrate_are_changed_while_the_$1" --nocapture \
        >/tmp/live.log 2>&1 || fail "live: $(cat /tmp/live.log)"
}
changed boards_encoder_codes
dmesg | grep -q 'S_EXT_CTRLS.*0x9909cf/0x12b128' || fail "the driver was told no bitrate: $(dmesg | grep S_EXT_CTRLS | tail)"
echo 0 >/sys/class/video4linux/video40/dev_debug
pass "no packet is missing, the keyframe came when it was asked for, the driver has the new bitrate; $(grep '^luma' /tmp/live.log)"
changed processor_codes
pass "the same where the processor codes; $(grep '^luma' /tmp/live.log)"

echo '== an encoder that is kept while readers come and go'
echo >"$codec/only"; echo N >"$codec/no_dmabuf"
has_open() { find "/proc/$server/fd" -lname "$1" 2>/dev/null | grep -q .; }
camera_rests() { ! has_open /dev/video30; }
echo '(mounts: { "cam": Camera(device: "/dev/video30", width: 320, height: 180, fps: 15, linger: 1) })' >/tmp/lab.ron
serve kept -v --config /tmp/lab.ron
for time in first second; do
    take cam "kept-$time.h264"
    # It is not opened anew for what is set while it runs, or rests; but for more than its level allows, 384 kbit/s.
    "$LENSLET" set cam bitrate $((RANDOM * 5 + 200000)) --control /tmp/lab.control >/dev/null || fail 'set bitrate'
    until_true 30 camera_rests || fail 'the camera is not let go of'
    has_open /dev/video40 || fail 'the encoder is closed'
done
[ "$(grep -c 'coded by bcm2835-codec' "$log")" = 1 ] || fail 'the encoder was opened anew'
pass 'the camera is let go of, the encoder is not, and serves the next reader, with another bitrate too'
stop

echo '== a processor that is slower than its camera: the newest picture is coded, and whoever asks is heard'
signal /dev/video30 60
echo '(mounts: { "cam": Camera(device: "/dev/video30", width: 1280, height: 720, fps: 60, gop: "1000 s", encode: Software, linger: 1) })' >/tmp/lab.ron
serve slow -v --config /tmp/lab.ron
"$LENSLET" receive --transport tcp --seconds 300 rtsp://127.0.0.1:8554/cam >/tmp/slow.log 2>&1 & watcher=$!
until_true 60 grep -q 'playing' "$log" || fail "nobody plays: $(cat /tmp/slow.log)"
until_true 60 grep -Eq 'late pictures? left out .*overtaken by the next one' "$log" || fail 'late pictures are not told'
{ steer set cam brightness 90 && has /dev/video30 brightness 90; } || fail "set brightness: $(cat /tmp/steer.log)"
steer set cam bitrate 500000 || fail "set bitrate: $(cat /tmp/steer.log)"
until_true 20 grep -q '500 kbit/s from now on' "$log" || fail 'the bitrate stays as it was'
# There is no other keyframe than the one that this asks for.
take cam slow.h264
"$LENSLET" status --json --control /tmp/lab.control | grep -q 'overtaken by the next one' || fail 'late pictures are not in the status'
kill -INT "$watcher"; wait "$watcher" 2>/dev/null
until_true 30 camera_rests || fail 'nobody watches, and the camera goes on'
until_true 60 plays cam || fail "it does not start again: $(describe cam)"
stop
grep -q 'is left behind' "$log" && fail 'the source did not end'
pass 'late pictures are counted; control, bitrate, a second viewer, the rest and the end come in time'
v4l2-ctl -d /dev/video30 -c brightness=128

echo '== a bitrate by which the encoder takes over from the processor'
echo '(mounts: { "cam": Camera(device: "/dev/video30", width: 320, height: 180, fps: 15, bitrate: 30000000, linger: 1) })' >/tmp/lab.ron
serve over -v --config /tmp/lab.ron
"$LENSLET" receive --transport tcp --seconds 300 --save /tmp/over.h264 rtsp://127.0.0.1:8554/cam >/tmp/over.log 2>&1 & watcher=$!
until_true 60 larger /tmp/over.h264 20000 || fail "nothing: $(cat /tmp/over.log)"
told 'coded as H264 .* by openh264 (software)'
steer set cam bitrate 2000000 || fail "set bitrate: $(cat /tmp/steer.log)"
until_true 30 grep -q 'coded by bcm2835-codec .* at 2000 kbit/s' "$log" || fail 'the processor codes on, and the next start would have the encoder'
before=$(stat -c %s /tmp/over.h264)
until_true 60 larger /tmp/over.h264 $((before + 20000)) || fail "nothing after it: $(cat /tmp/over.log)"
kill -INT "$watcher"; wait "$watcher" 2>/dev/null
until_true 30 camera_rests || fail 'the camera is not let go of'
until_true 60 plays cam || fail "it does not start again: $(describe cam)"
[ "$(grep -c 'by openh264' "$log")" = 1 ] || fail 'the next start has another who codes'
pass 'set bitrate comes to the same as a start: the encoder codes, and the reader goes on'
stop

echo '== what the encoder has still to code comes out before it is stopped'
moving /dev/video30 || fail 'controls of /dev/video30'
# There is always one that is still to be coded, and what there is is coded well within the second that an encoder has for it.
echo Y >"$codec/fixed_bitrate"; echo 75 >"$codec/latency_ms"
echo '(mounts: { "cam": Camera(device: "/dev/video30", width: 320, height: 180, fps: 15, encode: Hardware) })' >/tmp/lab.ron
# By LAST; where there is no VIDIOC_ENCODER_CMD; and where pictures are given back before they are coded, too.
for manner in 'N N' 'Y N' 'Y Y'; do
    echo "${manner% *}" >"$codec/no_encoder_cmd"; echo "${manner#* }" >"$codec/early"
    # Servers that were killed, in rows before, left some.
    thrown=$(cat "$codec/thrown")
    serve "out-${manner/ /}" -v --config /tmp/lab.ron
    record cam /tmp/out.h264
    until_true 60 larger /tmp/out.h264 20000 || fail "nothing: $(cat /tmp/out.h264.log)"
    for bitrate in 1M 2M; do
        opened=$(grep -c 'coded by' "$log")
        "$LENSLET" set cam bitrate $bitrate --control /tmp/lab.control >/dev/null || fail 'set bitrate'
        anew() { [ "$(grep -c 'coded by' "$log")" -gt "$opened" ]; }
        until_true 30 anew || fail 'the encoder was not opened anew'
        before=$(stat -c %s /tmp/out.h264)
        until_true 60 larger /tmp/out.h264 $((before + 20000)) || fail "nothing after it was opened anew: $(cat /tmp/out.h264.log)"
    done
    stop
    wait "$reader" 2>/dev/null
    cp /tmp/out.h264 "/lab/out/out-${manner/ /}.h264"
    thrown=$(($(cat "$codec/thrown") - thrown))
    [ "$thrown" = 0 ] || fail "$thrown pictures were given to the encoder, and never taken (no command, early: $manner)"
    pass "opened anew twice and stopped, every picture that was given was taken (no command, early: $manner)"
done
echo 0 >"$codec/latency_ms"; for name in fixed_bitrate no_encoder_cmd early; do echo N >"$codec/$name"; done

echo '== an encoder that takes another format than it is asked for'
echo NV12 >"$codec/only"; echo Y >"$codec/other_format"
serve other -v --config /tmp/lab.ron
describe cam | grep -q '^RTSP/1.0 503' || fail 'it is described'
told 'asked for NV12, the encoder takes YU12'
sed -i 's/Hardware/Auto/' /tmp/lab.ron
steer reload || fail "reload: $(cat /tmp/steer.log)"
receive cam other.h264
told 'by openh264 (software)'
stop
echo >"$codec/only"; echo N >"$codec/other_format"

echo '== an encoder in trouble, and no other; a camera that is kept warm'
echo '(mounts: { "cam": Camera(device: "/dev/video30", width: 320, height: 180, fps: 15, encode: Hardware, always: true) })' >/tmp/lab.ron
serve trouble -v --config /tmp/lab.ron
until_true 60 has_open /dev/video30 || fail 'a camera that is kept warm is not opened'
for fault in error_every=7 drop_every=7; do
    echo "${fault#*=}" >"$codec/${fault%=*}"
    take cam "${fault%=*}.h264"
    echo 0 >"$codec/${fault%=*}"
done
told 'damaged, says the encoder'
record cam /tmp/alone.h264
until_true 60 larger /tmp/alone.h264 20000 || fail "nothing: $(cat /tmp/alone.h264.log)"
echo 1 >"$codec/stall_after"; echo Y >"$codec/fail_open"
until_true 60 grep -Eq 'no signal: the last (picture|keyframe)' "$log" || fail 'nothing is shown instead of what the encoder codes'
echo 0 >"$codec/stall_after"; echo N >"$codec/fail_open"
until_true 60 grep -q 'runs again' "$log" || fail 'the encoder is not tried again'
before=$(stat -c %s /tmp/alone.h264)
until_true 60 larger /tmp/alone.h264 $((before + 100000)) || fail "nothing after it: $(cat /tmp/alone.h264.log)"
recorded
cp /tmp/alone.h264 /lab/out/
pass 'where nobody else codes, the last one is shown until the encoder codes again; the reader that was there goes on'
stop
told 'left out by the encoder'
unplug

echo '== a camera that fails: its last picture is shown, not its last keyframe'
echo '(mounts: { "cam": Camera(device: "/dev/video30", width: 320, height: 180, fps: 15, gop: "60 s", encode: Hardware) })' >/tmp/lab.ron
serve left -v --config /tmp/lab.ron
record cam /tmp/left.h264
until_true 60 larger /tmp/left.h264 20000 || fail "nothing: $(cat /tmp/left.h264.log)"
# Without a keyframe everything is brighter.
v4l2-ctl -d /dev/video30 -c brightness=250
before=$(stat -c %s /tmp/left.h264)
until_true 60 larger /tmp/left.h264 $((before + 50000)) || fail "nothing more: $(cat /tmp/left.h264.log)"
v4l2-ctl -d /dev/video30 -c inject_fatal_streaming_error=1
until_true 60 grep -q 'no signal: the last picture' "$log" || fail 'the last picture is not shown'
until_true 60 grep -q 'runs again' "$log" || fail 'the camera is not tried again'
# Thirty pictures at least.
before=$(stat -c %s /tmp/left.h264)
until_true 60 larger /tmp/left.h264 $((before + 3000000)) || fail "nothing after it: $(cat /tmp/left.h264.log)"
recorded
cp /tmp/left.h264 /lab/out/
pass 'the camera fails, its last picture is shown, and it runs again'
stop
v4l2-ctl -d /dev/video30 -c brightness=128

echo '== a camera that another program has'
hold() { v4l2-ctl -d /dev/video30 --stream-mmap --stream-count=100000 >/dev/null 2>&1 & holder=$!; }
hold
# It has the camera once nobody else can take a picture. Whoever looks may have come before it: then it tries again.
streams() { kill -0 "$holder" 2>/dev/null || hold; ! v4l2-ctl -d /dev/video30 --stream-mmap --stream-count=1 2>&1 | grep -q '<'; }
until_true 30 streams || fail 'v4l2-ctl does not stream'
echo '(mounts: { "cam": Camera(device: "/dev/video30", width: 320, height: 180, fps: 15) })' >/tmp/lab.ron
chmod 644 /tmp/lab.ron; chmod 666 /dev/video30
now_busy() { "${@:2}" "$LENSLET" check --config /tmp/lab.ron >/tmp/check.log 2>&1 && grep -q "cannot be served now: .*/dev/video30: in use by $1: it is served once that lets go of it" /tmp/check.log; }
now_busy "pid $holder (v4l2-ctl)" || fail "check: $(cat /tmp/check.log)"
# Of another user's program it is not seen which it is.
now_busy 'another program (.sudo fuser -v /dev/video30. says which)' "${nobody[@]}" || fail "check as nobody: $(cat /tmp/check.log)"
kill -0 "$holder" || fail 'check disturbed who has the camera'
pass "check: $(grep 'in use' /tmp/check.log)"
serve busy --config /tmp/lab.ron
describe cam | grep -q '^RTSP/1.0 503' || fail 'a camera that another program has is described'
told "/dev/video30: in use by pid $holder (v4l2-ctl)"
kill "$holder"; wait "$holder" 2>/dev/null
until_true 60 plays cam || fail "free again: $(describe cam)"
pass 'free again, it is served'
stop

echo '== two mounts of one camera'
echo '(mounts: { "a": Camera(device: "/dev/video30", fps: 15, linger: 60), "b": Camera(device: "/dev/video30", fps: 15) })' >/tmp/lab.ron
"$LENSLET" check --config /tmp/lab.ron >/tmp/check.log 2>&1 || fail "check: $(cat /tmp/check.log)"
grep -q 'mounts\["b"\]: /dev/video30: it is the camera of mounts\["a"\] too' /tmp/check.log || fail "check names no mount: $(cat /tmp/check.log)"
serve shared --config /tmp/lab.ron
until_true 60 plays a || fail "it is not served: $(describe a)"
describe b | grep -q '^RTSP/1.0 503' || fail 'two mounts have one camera'
told '/dev/video30: in use by the mount "a" of this server'
# It is this server's own, whoever asks.
for who in env "${nobody[*]}"; do
    $who "$LENSLET" check --config /tmp/lab.ron >/tmp/check.log 2>&1 || fail "check: $(cat /tmp/check.log)"
    grep -q 'cannot be served now' /tmp/check.log && fail "check says of what is served: $(cat /tmp/check.log)"
done
pass 'of two mounts of one camera each is named to the other, and what the server itself has is not told as busy'
stop
