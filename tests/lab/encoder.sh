#!/usr/bin/env bash
# The guest's second half: raw cameras through the board's encoder, after `guest.sh`, whose functions it uses.
#
# The encoder is labcodec, which is lossless: what is decoded of its pictures is what the camera gave. Which of its
# formats it takes, and whether it reads the camera's buffers, its parameters say, so that a row of the table is one way
# through the server.

# shellcheck disable=SC2154 # `log` and `bad` are set by guest.sh
codec=/sys/module/labcodec/parameters

echo '== cameras of raw pictures, and an encoder under a number of its own'
modprobe labcodec video_nr=40 || fail 'labcodec'
# HDMI inputs that scale, and do not compose: a picture that is larger than the last would have a margin. Behind them webcams.
modprobe vivid n_devs=2 node_types=1,1 multiplanar=1,2 num_inputs=2,2 input_types=3,3 ccs_cap_mode=4,4 vid_cap_nr=30,31 || fail 'vivid'
"$LENSLET" probe >/tmp/probe.txt || fail "probe exited with $?"
grep -A1 '^/dev/video40 .*bcm2835-codec' /tmp/probe.txt | grep -q 'without a copy' || fail "no encoder: $(cat /tmp/probe.txt)"
pass "probe: $(grep -A1 '^/dev/video40' /tmp/probe.txt | tr -s ' \n' ' ')"

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

# through NAME NODE FORMAT MEMORY WIDTHxHEIGHT [MORE]: what the camera gives through the server into /lab/out/NAME.h264, by
# the encoder's FORMAT, MEMORY being dmabuf, copy or
# refused (at QBUF alone, so that it is found out by trying); MORE is of the camera's configuration.
through() {
    local name=$1 node=$2 format=$3 memory=$4 size=$5 more=${6:-}
    echo "$format" >"$codec/only"
    if [ "$memory" = copy ]; then echo Y; else echo N; fi >"$codec/no_dmabuf"
    if [ "$memory" = refused ]; then echo Y; else echo N; fi >"$codec/refuse_dmabuf"
    echo "(mounts: { \"$name\": Camera(device: \"$node\", width: ${size%x*}, height: ${size#*x}, fps: ${fps:-15}, $more) })" >/tmp/lab.ron
    serve "$name" -v --config /tmp/lab.ron
    receive "$name" "$name.h264"
    stop
    # Of the words of the log, of each time it ran: N pictures coded without a copy, N copied (N bytes); N coded (N bytes
    # copied); N missed, N late.
    local shared copied bytes coded coded_bytes missed late
    read -r shared copied bytes coded coded_bytes missed late < <(
        sed -n 's/.* \([0-9]*\) pictures coded without a copy, \([0-9]*\) copied (\([0-9]*\) bytes); \([0-9]*\) coded (\([0-9]*\) bytes copied); \([0-9]*\) missed, \([0-9]*\) late.*/\1 \2 \3 \4 \5 \6 \7/p' "$log" |
            awk '{ for (i = 1; i <= 7; i++) sum[i] += $i } END { for (i = 1; i <= 7; i++) printf "%d ", sum[i] }')
    case $memory in
        dmabuf) [ "$copied" = 0 ] && [ "$bytes" = 0 ] && [ "$shared" -ge 30 ] ;;
        # All samples of each picture, and no more.
        copy | refused) [ "$shared" = 0 ] && [ "$copied" -ge 30 ] && [ "$bytes" -ge $((copied * ${size%x*} * ${size#*x} * 3 / 2)) ] &&
            [ "$bytes" -le $((copied * (${size%x*} + 64) * ${size#*x} * 2)) ] ;;
    esac || fail "$name: $shared pictures without a copy and $copied copied ($bytes bytes)"
    # What is coded is copied once: what was sent, and no picture's size more than that.
    [ "$coded_bytes" -ge "$(stat -c %s "/lab/out/$name.h264")" ] || fail "$name: $coded_bytes bytes of coded pictures"
    pass "$name: $shared pictures without a copy, $copied copied ($bytes bytes); $coded coded ($coded_bytes bytes); $missed missed, $late late"
}
# reference NAME NODE FORMAT WIDTHxHEIGHT: what the camera itself gives, without the server. Lines are 64 bytes long or a
# multiple, as the encoder has them: vivid has no room for all chroma in lines of YU12 of an odd length.
reference() {
    local width=${4%x*} bytes
    case $3 in YUYV | UYVY) bytes=$((width * 2)) ;; *) bytes=$width ;; esac
    bytes=$(((bytes + 63) / 64 * 64))
    v4l2-ctl -d "$2" --set-fmt-video="width=$width,height=${4#*x},pixelformat=$3,bytesperline=$bytes" --stream-mmap \
        --stream-count=1 --stream-to="/lab/out/$1.raw" >/tmp/reference.log 2>&1 || fail "v4l2-ctl: $(cat /tmp/reference.log)"
    echo "$1 $3 $4 $bytes" >>/lab/out/still
}

echo '== still pictures, to be held against what the camera gives, byte for byte'
for node in /dev/video30 /dev/video31; do still $node || fail "controls of $node"; done
while read -r -u 3 name node camera format memory size; do
    reference "$name" "$node" "$camera" "$size"
    through "$name" "$node" "$format" "$memory" "$size"
done 3<<'TABLE'
sp-nv12-dmabuf  /dev/video30  NV12  NV12  dmabuf  320x180
sp-nv12-copy    /dev/video30  NV12  NV12  copy    322x180
sp-yu12-dmabuf  /dev/video30  YU12  YU12  dmabuf  322x180
sp-nv21-dmabuf  /dev/video30  NV21  NV21  dmabuf  320x180
sp-yv12-copy    /dev/video30  YV12  YV12  copy    320x180
sp-yuyv-dmabuf  /dev/video30  YUYV  YUYV  dmabuf  322x180
sp-uyvy-copy    /dev/video30  UYVY  UYVY  copy    320x180
mp-nv12-dmabuf  /dev/video31  NV12  NV12  dmabuf  322x180
mp-nv12-refused /dev/video31  NV12  NV12  refused 322x180
mp-yu12-copy    /dev/video31  YU12  YU12  copy    322x180
mp-yuyv-dmabuf  /dev/video31  YUYV  YUYV  dmabuf  320x180
TABLE

echo '== what no camera should give, while a reader watches: since the beginning of this, beside it'
wait "$bad" || fail "bad input: $(cat /tmp/bad.log)"
cat /tmp/bad.log

echo '== what is copied of raw pictures does not depend on how large they are: nothing'
fps=5 through sp-large-dmabuf /dev/video30 NV12 dmabuf 640x360

echo '== moving pictures: each once and in order'
for node in /dev/video30 /dev/video31; do { moving $node && signal $node 24; } || fail "controls of $node"; done
# All that there are: what is missing was missed by the driver, or is counted.
fps=24 through sp-moving-dmabuf /dev/video30 NV12 dmabuf 320x180
fps=24 through mp-moving-copy /dev/video31 NV12 copy 320x180

echo '== a USB camera of raw pictures alone'
python3 "$LAB/uvccam.py" & camera=$!
until_true 60 node || fail 'the camera made no /dev/video0'
through uvc-yuyv-dmabuf /dev/video0 YUYV dmabuf 320x240
through uvc-yuyv-copy /dev/video0 YUYV copy 320x240

# by_processor NAME NODE WIDTHxHEIGHT FORMAT: the same through the software encoder.
by_processor() {
    local name=$1 size=$3
    echo "(mounts: { \"$name\": Camera(device: \"$2\", width: ${size%x*}, height: ${size#*x}, fps: ${fps:-15}, format: $4, encode: Software) })" >/tmp/lab.ron
    serve "$name" -v --config /tmp/lab.ron
    receive "$name" "$name.h264"
    stop
    told 'coded as H264 .* by openh264 (software)'
}
by_processor uvc-yuyv-software /dev/video0 320x240 Raw

through uvc-yuyv-converted /dev/video0 YU12 copy 320x240

echo '== pictures that the processor codes'
unplug
fps=24 by_processor sp-software /dev/video30 320x180 Raw
fps=24 by_processor mp-software /dev/video31 320x180 Raw
for node in /dev/video30 /dev/video31; do signal $node 60 || fail "signal of $node"; done
plug
by_processor uvc-mjpg-software /dev/video0 320x240 MJPEG
through uvc-mjpg-hardware /dev/video0 YU12 copy 320x240 'format: MJPEG, encode: Hardware'

echo '== controls: of the configuration, refused ones told of'
"$LENSLET" probe | grep -A120 '^/dev/video30' | grep -q 'brightness: 0 to 255, 128 by itself, 128 now' || fail "probe: $("$LENSLET" probe)"
cat >/tmp/lab.ron <<'RON'
(mounts: { "cam": Camera(device: "/dev/video30", width: 320, height: 180, fps: 15, encode: Software,
    controls: {"contrast": 100, "brightness": 180, "horizontal_flip": true, "test_pattern": "100% Red", "sharpnes": 3, "hue": 500}) })
RON
"$LENSLET" check --config /tmp/lab.ron >/tmp/check.log 2>&1 && fail 'check takes a control that is not there'
grep -q 'has no sharpnes; the nearest are ' /tmp/check.log || fail "check: $(cat /tmp/check.log)"
serve controls -v --config /tmp/lab.ron
receive cam controls.h264
told 'hue goes from -128 to 128'
told 'has no sharpnes'
stop
is=$(v4l2-ctl -d /dev/video30 -C brightness,contrast,horizontal_flip,test_pattern | tr -s '\n' ' ')
for has in 'brightness: 180' 'contrast: 100' 'horizontal_flip: 1' 'test_pattern: 7'; do
    [[ $is == *$has* ]] || fail "no $has: $is"
done
pass "the camera has what is configured: $is"
v4l2-ctl -d /dev/video30 -c brightness=128 -c contrast=128 -c horizontal_flip=0

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
now /dev/video30 'permission denied: add the user to the group .video.' setpriv --reuid=65534 --regid=65534 --clear-groups

echo '== sizes and rates that the camera has not: the nearest are taken, and told'
echo '(mounts: { "cam": Camera(device: "/dev/video0", width: 333, height: 222, fps: 200, encode: Software) })' >/tmp/lab.ron
serve nearest -v --config /tmp/lab.ron
receive cam nearest.h264
told 'has no 333x222: 320x240 is asked for'
told 'has no 200 pictures a second at this size: 15 are asked for'
stop

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
LAB_CAMERA=/dev/video30 timeout 120 "$IT" --ignored --exact lab::keyframe_control_and_bitrate_are_changed_while_served --nocapture \
    >/tmp/live.log 2>&1 || fail "live: $(cat /tmp/live.log)"
dmesg | grep -q 'S_EXT_CTRLS.*0x9909cf/0x12b128' || fail "the driver was told no bitrate: $(dmesg | grep S_EXT_CTRLS | tail)"
echo 0 >/sys/class/video4linux/video40/dev_debug
pass "no packet is missing, the keyframe came when it was asked for, the driver has the new bitrate; $(grep '^luma' /tmp/live.log)"

echo '== an encoder that is kept while readers come and go'
echo >"$codec/only"; echo N >"$codec/no_dmabuf"
has_open() { find "/proc/$server/fd" -lname "$1" 2>/dev/null | grep -q .; }
camera_rests() { ! has_open /dev/video30; }
echo '(mounts: { "cam": Camera(device: "/dev/video30", width: 320, height: 180, fps: 15, linger: 1) })' >/tmp/lab.ron
serve kept -v --config /tmp/lab.ron
for time in first second; do
    receive cam "kept-$time.h264"
    # It is not opened anew for what is set while it runs, or rests.
    "$LENSLET" set cam bitrate $((RANDOM * 10 + 500000)) --control /tmp/lab.control >/dev/null || fail 'set bitrate'
    until_true 30 camera_rests || fail 'the camera is not let go of'
    has_open /dev/video40 || fail 'the encoder is closed'
done
[ "$(grep -c 'coded by bcm2835-codec' "$log")" = 1 ] || fail 'the encoder was opened anew'
pass 'the camera is let go of, the encoder is not, and serves the next reader, with another bitrate too'
stop

echo '== an encoder in trouble, and no other; a camera that is kept warm'
echo '(mounts: { "cam": Camera(device: "/dev/video30", width: 320, height: 180, fps: 15, encode: Hardware, always: true) })' >/tmp/lab.ron
serve trouble -v --config /tmp/lab.ron
until_true 60 has_open /dev/video30 || fail 'a camera that is kept warm is not opened'
for fault in error_every=7 drop_every=7; do
    echo "${fault#*=}" >"$codec/${fault%=*}"
    receive cam "${fault%=*}.h264"
    echo 0 >"$codec/${fault%=*}"
done
told 'damaged, says the encoder'
ffmpeg -v error -y -rtsp_transport tcp -i rtsp://127.0.0.1:8554/cam -c copy -flush_packets 1 -f h264 /tmp/alone.h264 2>/tmp/alone.log & reader=$!
until_true 60 larger /tmp/alone.h264 20000 || fail "nothing: $(cat /tmp/alone.log)"
echo 1 >"$codec/stall_after"; echo Y >"$codec/fail_open"
until_true 60 grep -q 'no signal: the last keyframe' "$log" || fail 'nothing is shown instead of what the encoder codes'
echo 0 >"$codec/stall_after"; echo N >"$codec/fail_open"
until_true 60 grep -q 'runs again' "$log" || fail 'the encoder is not tried again'
before=$(stat -c %s /tmp/alone.h264)
until_true 60 larger /tmp/alone.h264 $((before + 100000)) || fail "nothing after it: $(cat /tmp/alone.log)"
kill -INT "$reader"; wait "$reader" 2>/dev/null
cp /tmp/alone.h264 /lab/out/
pass 'where nobody else codes, the last keyframe is shown until the encoder codes again; the reader that was there goes on'
stop
told 'left out by the encoder'
unplug

echo '== a camera that another program has'
hold() { v4l2-ctl -d /dev/video30 --stream-mmap --stream-count=100000 >/dev/null 2>&1 & holder=$!; }
hold
# It has the camera once nobody else can take a picture. Whoever looks may have come before it: then it tries again.
streams() { kill -0 "$holder" 2>/dev/null || hold; ! v4l2-ctl -d /dev/video30 --stream-mmap --stream-count=1 2>&1 | grep -q '<'; }
until_true 30 streams || fail 'v4l2-ctl does not stream'
serve busy --config /tmp/lab.ron
describe cam | grep -q '^RTSP/1.0 503' || fail 'a camera that another program has is described'
told "/dev/video30: in use by pid $holder (v4l2-ctl)"
kill "$holder"; wait "$holder" 2>/dev/null
until_true 60 plays cam || fail "free again: $(describe cam)"
pass 'free again, it is served'
stop

echo '== each fault while a reader watches'
python3 "$LAB/faults.py" once || fail 'faults'
