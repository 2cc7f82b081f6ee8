# shellcheck shell=bash disable=SC2154 # behind guest.sh
# Raw cameras through the board's encoder, and what is steered meanwhile.
#
# The encoder is labcodec, which is lossless: what is decoded of its pictures is what the camera gave. Which of its
# formats it takes, and whether it reads the camera's buffers, its parameters say, so that a row of the table is one way
# through the server.

echo '== cameras of raw pictures, and an encoder under a number of its own'
raw_cameras
"$LENSLET" probe >/tmp/probe.txt || fail "probe exited with $?"
grep -A1 '^/dev/video40 .*bcm2835-codec' /tmp/probe.txt | grep -q 'without a copy' || fail "no encoder: $(cat /tmp/probe.txt)"
pass "probe: $(grep -A1 '^/dev/video40' /tmp/probe.txt | tr -s ' \n' ' ')"

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
    # Each kind of camera once by ffmpeg.
    case $name in *-nv12-dmabuf | uvc-*-dmabuf | uvc-mjpg-*) receive "$name" "$name.h264" ;; *) take "$name" "$name.h264" ;; esac
    stop
    # Of the words of the log, of each time it ran: N pictures coded without a copy, N copied (N bytes); N coded (N bytes, N
    # copied); N missed, N late.
    local shared copied bytes coded coded_bytes coded_copied missed late
    read -r shared copied bytes coded coded_bytes coded_copied missed late < <(
        sed -n 's/.* \([0-9]*\) pictures coded without a copy, \([0-9]*\) copied (\([0-9]*\) bytes); \([0-9]*\) coded (\([0-9]*\) bytes, \([0-9]*\) copied); \([0-9]*\) missed, \([0-9]*\) late.*/\1 \2 \3 \4 \5 \6 \7 \8/p' "$log" |
            awk '{ for (i = 1; i <= 8; i++) sum[i] += $i } END { for (i = 1; i <= 8; i++) printf "%d ", sum[i] }')
    case $memory in
        dmabuf) [ "$copied" = 0 ] && [ "$bytes" = 0 ] && [ "$shared" -ge 30 ] ;;
        # All samples of each picture, and no more.
        copy | refused) [ "$shared" = 0 ] && [ "$copied" -ge 30 ] && [ "$bytes" -ge $((copied * ${size%x*} * ${size#*x} * 3 / 2)) ] &&
            [ "$bytes" -le $((copied * (${size%x*} + 64) * ${size#*x} * 2)) ] ;;
    esac || fail "$name: $shared pictures without a copy and $copied copied ($bytes bytes)"
    # What was sent was given by the encoder, and is copied to the access unit once: beside it a keyframe's parameter sets and start codes at most.
    { [ "$coded_bytes" -ge "$(stat -c %s "/lab/out/$name.h264")" ] && [ "$coded_copied" -ge "$coded_bytes" ] &&
        [ "$coded_copied" -le $((coded_bytes + coded * 64)) ]; } ||
        fail "$name: $coded_bytes bytes of coded pictures, $coded_copied copied"
    pass "$name: $shared pictures without a copy, $copied copied ($bytes bytes); $coded coded ($coded_bytes bytes, $coded_copied copied); $missed missed, $late late"
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

echo '== the same by an encoder whose lines are of no round length'
# Lenslet has the camera make such lines, where the encoder is to read its buffers.
echo 100 >"$codec/line"
while read -r -u 3 name node camera format memory size; do
    reference "$name" "$node" "$camera" "$size"
    through "$name" "$node" "$format" "$memory" "$size"
done 3<<'TABLE'
odd-nv12-dmabuf /dev/video30  NV12  NV12  dmabuf  322x180
odd-yu12-copy   /dev/video31  YU12  YU12  copy    322x180
odd-yuyv-dmabuf /dev/video31  YUYV  YUYV  dmabuf  322x180
TABLE
echo 64 >"$codec/line"

echo '== what is copied of raw pictures does not depend on how large they are: nothing'
fps=5 through sp-large-dmabuf /dev/video30 NV12 dmabuf 640x360
fps=5 through mp-large-dmabuf /dev/video31 NV12 dmabuf 640x360

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
    take "$name" "$name.h264"
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

