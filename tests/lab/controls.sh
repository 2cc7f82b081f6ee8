# shellcheck shell=bash disable=SC2154,SC2034 # behind guest.sh
raw_cameras
v4l2-ctl -d /dev/video30 --set-input 0 >/tmp/input.log || fail 'vivid has no HDMI input'
plug

echo '== controls: of the configuration, refused ones told of'
"$LENSLET" probe | grep -A120 '^/dev/video30' | grep -q 'brightness: 0 to 255, 128 by itself, 128 now' || fail "probe: $("$LENSLET" probe)"
cat >/tmp/lab.ron <<'RON'
(mounts: { "cam": Camera(device: "/dev/video30", width: 320, height: 180, fps: 15, encode: Software,
    controls: {"contrast": 100, "brightness": 180, "horizontal_flip": true, "test_pattern": "100% Red", "sharpnes": 3, "hue": 500}) })
RON
"$LENSLET" check --config /tmp/lab.ron >/tmp/check.log 2>&1 && fail 'check takes a control that is not there'
grep -q 'has no sharpnes; the nearest are ' /tmp/check.log || fail "check: $(cat /tmp/check.log)"
serve controls -v --config /tmp/lab.ron
take cam controls.h264
told 'hue goes from -128 to 128'
told 'has no sharpnes'
stop
is=$(v4l2-ctl -d /dev/video30 -C brightness,contrast,horizontal_flip,test_pattern | tr -s '\n' ' ')
for has in 'brightness: 180' 'contrast: 100' 'horizontal_flip: 1' 'test_pattern: 7'; do
    [[ $is == *$has* ]] || fail "no $has: $is"
done
pass "the camera has what is configured: $is"
v4l2-ctl -d /dev/video30 -c brightness=128 -c contrast=128 -c horizontal_flip=0

echo '== controls by a reload and by lenslet set, while somebody watches'
echo '(mounts: { "cam": Camera(device: "/dev/video30", width: 320, height: 180, fps: 15, controls: {"contrast": 100}) })' >/tmp/lab.ron
serve steered --config /tmp/lab.ron
record cam /tmp/steered.h264
until_true 60 larger /tmp/steered.h264 20000 || fail "nothing: $(cat /tmp/steered.h264.log)"
has /dev/video30 contrast 100 || fail 'what is configured is not set'
# The gain is switched by another control, which is written behind it.
sed -i 's/"contrast": 100/"contrast": 60, "gain": 77, "gain_automatic": false/' /tmp/lab.ron
steer reload || fail "reload: $(cat /tmp/steer.log)"
for is in 'contrast 60' 'gain_automatic 0' 'gain 77'; do
    # shellcheck disable=SC2086 # two words
    until_true 20 has /dev/video30 $is || fail "not $is after a reload: $(v4l2-ctl -d /dev/video30 -C ${is% *}) $(cat /tmp/steer.log)"
done
for is in 'brightness 90' 'horizontal_flip 1' 'gain_automatic 1' 'gain_automatic 0' 'gain 50'; do
    # shellcheck disable=SC2086
    { steer set cam $is && has /dev/video30 $is; } || fail "set $is: $(cat /tmp/steer.log)"
done
# The highest bit too.
{ steer set cam bitmask $((0x80002000)) && grep -q "bitmask is $((0x80002000))" /tmp/steer.log; } || fail "set a bitmask: $(cat /tmp/steer.log)"
{ steer set cam test_pattern '100% Red' && has /dev/video30 test_pattern 7; } || fail "set an entry of a menu: $(cat /tmp/steer.log)"
# Of an array, a number of 64 bits and text it is said what they are.
for refused in 'brightness 999:goes from 0 to 255' 'brightnes 5:the nearest are brightness' 'integer_64_bits 5:it is not set here' \
    'string 5:it is not set here' 'u32_1_element_array 5:it is not set here'; do
    # shellcheck disable=SC2086
    steer set cam ${refused%:*} && fail "it takes ${refused%:*}"
    grep -q "${refused#*:}" /tmp/steer.log || fail "it says of ${refused%:*}: $(cat /tmp/steer.log)"
done
before=$(stat -c %s /tmp/steered.h264)
until_true 60 larger /tmp/steered.h264 $((before + 1000)) || fail 'the reader has no more'
recorded
grep -q 'stand-in' "$log" && fail 'the stream was begun anew'
cp /tmp/steered.h264 /lab/out/
pass 'the driver has what a reload and lenslet set say, and the reader goes on'
stop
v4l2-ctl -d /dev/video30 -c brightness=128 -c contrast=128 -c horizontal_flip=0 -c gain_automatic=1 -c test_pattern=4

echo '== what the board cannot do is refused by check'
# refused DEVICE WISHES WORDS
refused() {
    echo "(mounts: { \"cam\": Camera(device: \"$1\", $2) })" >/tmp/lab.ron
    "$LENSLET" check --config /tmp/lab.ron >/tmp/check.log 2>&1 && fail "check takes $2 of $1"
    grep -q "$3" /tmp/check.log || fail "check says of $2 of $1: $(cat /tmp/check.log)"
    pass "check: $(grep "$3" /tmp/check.log)"
}
refused /dev/video30 'encode: Hardware, bitrate: 30000000' 'codes at .* bits a second, and 30000000 are configured'
refused /dev/video30 'encode: Hardware, level: 5.2' 'has levels .*, and 5.2 is configured'
refused /dev/video30 'encode: Hardware, width: 320, height: 180, fps: 15, bitrate: 4000000, level: 1.0' 'level 1.0 is configured, which allows'
refused /dev/video30 'encode: Hardware, width: 2048, height: 2048' 'codes pictures from .* to .* of up to 8192 macroblocks'
refused /dev/video30 'format: HEVC' 'but no HEVC as its .format. is configured'
refused /dev/null '' 'it is a device, and no camera'
refused /tmp '' 'it is a folder, and no camera'
refused '' '' 'device: it is empty'
echo '(mounts: { "cam": Camera(device: "/dev/video0", width: 333, height: 222, fps: 200) })' >/tmp/lab.ron
"$LENSLET" check --config /tmp/lab.ron >/tmp/check.log 2>&1 || fail "check: $(cat /tmp/check.log)"
for near in 'has no 333x222: 320x240 is asked for' 'has no 200 pictures a second at this size: 15 are asked for'; do
    grep -q "otherwise than configured: .*/dev/video0: the camera $near" /tmp/check.log || fail "check names no nearest: $(cat /tmp/check.log)"
done
pass "check: $(grep -m1 'otherwise than' /tmp/check.log)"

# now DEVICE WORDS: right, and not served now; as the user nobody where that is said.
now() {
    echo "(mounts: { \"cam\": Camera(device: \"$1\") })" >/tmp/lab.ron
    "${@:3}" "$LENSLET" check --config /tmp/lab.ron >/tmp/check.log 2>&1 || fail "check refuses $1: $(cat /tmp/check.log)"
    grep -q "cannot be served now: .*$2" /tmp/check.log || fail "check says of $1: $(cat /tmp/check.log)"
    pass "check: $(grep "$2" /tmp/check.log)"
}
now /dev/video99 'there is no such camera now: it is served once it is plugged in'
chmod 660 /dev/video30; chmod 644 /tmp/lab.ron
now /dev/video30 'permission denied: add the user to the group .video.' "${nobody[@]}"

echo '== an encoder that may not be opened, or fails to open'
# unopened WISHES SAID WHY [COMMAND...]: what check says, and probe, of an encoder that cannot be opened.
unopened() {
    echo "(mounts: { \"cam\": Camera(device: \"/dev/video30\", $1) })" >/tmp/lab.ron
    "${@:4}" "$LENSLET" check --config /tmp/lab.ron >/tmp/check.log 2>&1 || fail "check exits with $?: $(cat /tmp/check.log)"
    grep -q "$2.*/dev/video40: $3" /tmp/check.log || fail "check says of $1: $(cat /tmp/check.log)"
    pass "check: $(grep video40 /tmp/check.log)"
    "${@:4}" "$LENSLET" probe >/tmp/probe.txt || fail "probe exited with $?"
    grep -A1 '/dev/video40' /tmp/probe.txt | grep -q "$3" || fail "probe: $(cat /tmp/probe.txt)"
}
chmod 666 /dev/video30; chmod 660 /dev/video40
for wish in 'encode: Hardware|cannot be served now' 'format: Raw|otherwise than configured.*the processor codes it'; do
    unopened "${wish%|*}" "${wish#*|}" 'permission denied: add the user to the group .video.' "${nobody[@]}"
done
chmod 666 /dev/video40
echo Y >"$codec/fail_open"
unopened 'encode: Hardware' 'cannot be served now' 'in use by'
serve unopened --config /tmp/lab.ron
describe cam | grep -q '^RTSP/1.0 503' || fail 'it is described'
told 'no H.264 encoder was found among the nodes that can be opened: /dev/video40: in use by'
"$LENSLET" status --json --control /tmp/lab.control | grep -q '/dev/video40: in use by' || fail 'the status does not say it'
echo N >"$codec/fail_open"
until_true 60 plays cam || fail "it opens again: $(describe cam)"
pass 'an encoder that opens again codes'
stop

echo '== sizes and rates that the camera has not: the nearest are taken, and told'
echo '(mounts: { "cam": Camera(device: "/dev/video0", width: 333, height: 222, fps: 200, encode: Software) })' >/tmp/lab.ron
serve nearest -v --config /tmp/lab.ron
take cam nearest.h264
told 'has no 333x222: 320x240 is asked for'
told 'has no 200 pictures a second at this size: 15 are asked for'
stop
unplug
