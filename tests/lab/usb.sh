# shellcheck shell=bash disable=SC2154 # behind guest.sh
echo '== a USB camera of H.264 and MJPEG, found'
plug
"$LENSLET" probe --json >/tmp/probe.json || fail "probe exited with $?"
python3 - <<'PY' || fail "probe: $(cat /tmp/probe.json)"
import json
found = [camera for camera in json.load(open('/tmp/probe.json'))['cameras'] if camera['driver'] == 'uvcvideo']
assert len(found) == 1, 'one camera and no metadata node'
camera, = found
assert camera['path'] == '/dev/video0' and camera['served']
assert {'YUYV', 'MJPG', 'H264'} <= {f['fourcc'] for f in camera['formats']}
assert camera['verdict'] == 'gives YUYV, MJPG, H264: H264 320x240 at 15 a second is served as it comes at /camera0', camera['verdict']
PY
"$LENSLET" probe | grep -A1 /dev/video12 | grep -q 'has no signal' || fail 'a v4l2loopback node without its writer'
pass 'probe finds the camera, leaves its metadata node out, and says what is served'
"$LENSLET" probe | grep -A4 uvcvideo

echo '== its H.264, and the plug pulled while somebody watches'
serve h264
receive camera0 uvc.h264
ffmpeg -v error -y -rtsp_transport tcp -i rtsp://127.0.0.1:8554/camera0 -c copy -flush_packets 1 -f h264 /tmp/replugged.h264 \
    2>/tmp/replugged.log & reader=$!
until_true 60 larger /tmp/replugged.h264 20000 || fail "nothing before the plug is pulled: $(cat /tmp/replugged.log)"
exec 7</dev/video0                  # its number is not given again
unplug
until_true 30 grep -q 'the camera is gone' "$log" || fail 'the log does not say that the camera is gone'
describe test | grep -q '^m=video' || fail 'DESCRIBE of /test while the camera is unplugged'
kill -0 "$server" || fail 'the server died when the camera was unplugged'
before=$(stat -c %s /tmp/replugged.h264)
plug
[ ! -e /dev/video0 ] || fail 'it has its old number'
until_true 90 larger /tmp/replugged.h264 $((before + 60000)) || fail "nothing after the plug is back: $(cat /tmp/replugged.log)"
kill -INT "$reader"; wait "$reader" 2>/dev/null
cp /tmp/replugged.h264 /lab/out/
pass 'unplugged, plugged in again as another node: the reader that was there goes on'
stop
exec 7<&-
unplug; plug

echo '== the same camera by "format: MJPEG", and v4l2loopback nodes whose pictures come later'
cat >/tmp/lab.ron <<'RON'
(mounts: {
    "mjpeg": Camera(device: "/dev/video0", format: MJPEG),
    "loop": Camera(device: "/dev/video11"),
    "h265": Camera(device: "/dev/video13"),
    "both-ends": Camera(device: "/dev/video12"),
    "hevc": Camera(device: "/dev/video0", format: HEVC),
})
RON
serve config --config /tmp/lab.ron
receive mjpeg uvc.mjpeg
told 'broken picture'
describe hevc | grep -q '^RTSP/1.0 503' || fail 'a format that the camera has not'
# shellcheck disable=SC2016 # the log's own words
told 'but no HEVC as its `format` is configured'
reply=$(describe loop)
if ! grep -q '^RTSP/1.0 503' <<<"$reply" || ! grep -qi '^Retry-After: ' <<<"$reply"; then
    fail "not ready: $reply"
fi
pass "not ready: $(head -1 <<<"$reply" | tr -d '\r'), $(grep -i '^Retry-After' <<<"$reply" | tr -d '\r')"
feed() {                            # FORMAT FILE NODE: for ever; a raw stream goes on behind its end
    while cat "$2"; do :; done 2>/dev/null |
        ffmpeg -v error -re -r 15 -f "$1" -i - -c copy -f v4l2 "$3" 2>"/tmp/feed.$1.log" & feeders="${feeders:-} $!"
}
feed h264 "$H264" /dev/video11
until_true 60 plays loop || fail "the writer came: $(describe loop) $(cat /tmp/feed.h264.log)"
take loop loopback.h264
feed mjpeg "$MJPEG" /dev/video12
until_true 60 plays both-ends || fail "the writer came: $(describe both-ends) $(cat /tmp/feed.mjpeg.log)"
receive both-ends loopback.mjpeg
python3 "$LAB/feed.py" "$HEVC" 320x240 15 /dev/video13 2>/tmp/feed.hevc.log & feeders="$feeders $!"
until_true 60 plays h265 || fail "the writer came: $(describe h265) $(cat /tmp/feed.hevc.log)"
receive h265 loopback.hevc
stop
# shellcheck disable=SC2086 # a list of process ids
kill $feeders
# shellcheck disable=SC2086
wait $feeders 2>/dev/null

unplug

echo '== a camera that is not there when the server starts'
serve absent --config /tmp/lab.ron
describe mjpeg | grep -q '^RTSP/1.0 503' || fail 'a camera that is not there is described'
told '/dev/video0: there is no such camera'
plug
until_true 60 plays mjpeg || fail "it came: $(describe mjpeg)"
pass 'it came, and is served'
stop
unplug

echo '== the same by its stable name, which comes some time after its node'
stable=/dev/v4l/by-id/usb-lab_lab_UVC_camera_LAB0001-video-index0
echo "(mounts: { \"named\": Camera(device: \"$stable\", format: H264) })" >/tmp/lab.ron
serve named --config /tmp/lab.ron
describe named | grep -q '^RTSP/1.0 503' || fail 'a camera that is not there is described'
told "$stable: there is no such camera"
python3 "$LAB/names.py" & names=$!
plug
until_true 60 [ -e "$stable" ] || fail 'the camera has no name'
named=$(date +%s%3N)
until_true 60 plays named || fail "it has its name: $(describe named)"
# By its turn it would be tried once in ten seconds.
took=$(($(date +%s%3N) - named))
[ "$took" -lt 6000 ] || fail "described $took ms after it had its name"
pass "described $took ms after it had its name"
take named named.h264
stop
unplug
until_true 20 [ ! -e "$stable" ] || fail 'the unplugged camera left its name'
kill "$names"

echo '== cameras that are mounts by themselves, as they come and go'
serve found
no_mount() { describe "$1" | grep -q '^RTSP/1.0 404'; }
no_mount camera0 || fail 'a mount without a camera'
plug
until_true 60 plays camera0 || fail "it came: $(describe camera0)"
python3 "$LAB/uvccam.py" --h264 "$OTHER_H264" --size 160x120 --port 1 & second=$!
until_true 60 plays camera1 || fail "a second one came: $(describe camera1)"
record camera0 /tmp/found.h264
until_true 60 larger /tmp/found.h264 20000 || fail "nothing of the first: $(cat /tmp/found.h264.log)"
exec 7</dev/video0                  # its number is not given again
kill -USR1 "$camera"; wait "$camera" 2>/dev/null
until_true 30 grep -q 'the camera is gone' "$log" || fail 'the log does not say that the first is gone'
take camera1 second.h264
before=$(stat -c %s /tmp/found.h264)
plug
until_true 90 larger /tmp/found.h264 $((before + 60000)) || fail "nothing after the plug is back: $(cat /tmp/found.h264.log)"
[ ! -e /dev/video0 ] || fail 'it has its old number'
no_mount camera2 || fail 'the first became another mount'
recorded
cp /tmp/found.h264 /lab/out/
pass 'each is a mount when it comes, and the same one when it comes again as another node; the reader that was there goes on'
stop
exec 7<&-
kill -USR1 "$second"; wait "$second" 2>/dev/null
unplug

echo '== a USB camera'"'"'s controls by lenslet set: one that it refuses for now is kept'
plug
echo '(mounts: { "cam": Camera(device: "/dev/video0", format: H264, controls: {"brightness": 70}) })' >/tmp/lab.ron
serve focus --config /tmp/lab.ron
record cam /tmp/focus.h264
until_true 60 larger /tmp/focus.h264 20000 || fail "nothing: $(cat /tmp/focus.h264.log)"
has /dev/video0 brightness 70 || fail 'what is configured is not set'
steer set cam focus_absolute 100 && fail 'a focus that is automatic is set'
grep -q 'focus_absolute stays as it is' /tmp/steer.log || fail "it says: $(cat /tmp/steer.log)"
grep -q 'group' /tmp/steer.log && fail "it says: $(cat /tmp/steer.log)"
{ steer set cam focus_automatic_continuous false && has /dev/video0 focus_automatic_continuous 0; } || fail "set: $(cat /tmp/steer.log)"
until_true 20 has /dev/video0 focus_absolute 100 || fail "it was forgotten: $(v4l2-ctl -d /dev/video0 -C focus_absolute)"
{ steer set cam focus_absolute 30 && has /dev/video0 focus_absolute 30; } || fail "set: $(cat /tmp/steer.log)"
recorded
pass 'what the driver refused is set when another control allows it'
stop
unplug
