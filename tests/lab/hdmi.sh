# shellcheck shell=bash disable=SC2154 # behind guest.sh
echo '== HDMI: what comes in decides the size, and what is wrong with it is told for what it is'
[ -e "$codec" ] || modprobe labcodec video_nr=40 || fail 'labcodec'
rmmod vivid 2>/dev/null
# As HDMI bridges are: the size of the signal and no other. One has no EDID yet.
modprobe vivid n_devs=2 node_types=1,1 num_inputs=1,1 input_types=3,3 ccs_cap_mode=0,0 vid_cap_nr=30,31 || fail 'vivid'
v4l2-ctl -d /dev/video31 --clear-edid >/dev/null || fail 'an EDID cannot be taken away'
# comes NODE NAME: such a signal; mode NODE NUMBER: 0 as it is set, 1 none, 2 no lock, 3 out of range.
comes() {
    local index
    index=$(v4l2-ctl -d "$1" -L | awk -v name="$2" '/dv_timings 0x/ { here = 1 } here && $2 == name { sub(":", "", $1); print $1; exit }')
    { v4l2-ctl -d "$1" -c dv_timings_signal_mode=4 && v4l2-ctl -d "$1" -c "dv_timings=$index"; } || fail "no signal $2"
}
mode() { v4l2-ctl -d "$1" -c "dv_timings_signal_mode=$2"; }
wide() { v4l2-ctl -d "$1" --get-dv-timings | grep -q "Active width: $2\$"; }
says() { "$LENSLET" status --control /tmp/lab.control | grep -q "$1"; }
checks() {                          # MODE WORDS
    mode /dev/video30 "$1"
    "$LENSLET" check --config /tmp/lab.ron >/tmp/check.log 2>&1 || fail "check: $(cat /tmp/check.log)"
    grep -q "cannot be served now: .*/dev/video30: $2" /tmp/check.log || fail "check in mode $1: $(cat /tmp/check.log)"
    "$LENSLET" probe | grep -A1 '^/dev/video30' | grep -q "$2.*; once a signal comes it is served at /camera0" || fail "probe in mode $1: $("$LENSLET" probe)"
    pass "check and probe: $(grep -o "$2.*" /tmp/check.log)"
}
cat >/tmp/lab.ron <<'RON'
(mounts: { "cam": Camera(device: "/dev/video30", encode: Software, fps: 2), "hard": Camera(device: "/dev/video31", encode: Hardware, fps: 5) })
RON
checks 1 'HDMI: no signal comes in, and no cable'
checks 2 'HDMI: .*locks'
checks 3 'HDMI: .*out of range'
comes /dev/video30 640x480p59
wide /dev/video30 1280 || fail 'check has set timings'
"$LENSLET" probe | grep -A3 '^/dev/video30' | grep -q '640x480 at 59.94' || fail "probe: $("$LENSLET" probe)"

serve hdmi -v --config /tmp/lab.ron
take cam hdmi.h264
wide /dev/video30 640 || fail "the node has other timings: $(v4l2-ctl -d /dev/video30 --get-dv-timings)"
told '640x480 at 59.94'
take hard hdmi-hard.h264
told '/dev/video31: .* EDID'
v4l2-ctl -d /dev/video31 --get-edid format=hex 2>&1 | grep -q '^00 ff ff ff' || fail 'there is no EDID'
for mount in cam hard; do
    node=/dev/video30; [ $mount = hard ] && node=/dev/video31
    rm -f /tmp/reader.csv
    "$LENSLET" receive --transport tcp --seconds 600 --pictures /tmp/reader.csv "rtsp://127.0.0.1:8554/$mount" >/tmp/reader.log 2>&1 & reader=$!
    until_true 120 lines /tmp/reader.csv 4 || fail "$mount: $(cat /tmp/reader.log)"
    comes $node 720x480p59
    until_true 120 wide $node 720 || fail "$mount: the timings stay"
    until_true 120 grep -q "$node: the signal changed" "$log" || fail "$mount: that is not told"
    until_true 120 lines /tmp/reader.csv $(($(wc -l </tmp/reader.csv) + 4)) || fail "$mount: nothing more: $(cat /tmp/reader.log)"
    for wrong in '1:no signal comes in, and no cable' '2:locks' '3:out of range'; do
        mode $node "${wrong%%:*}"
        until_true 120 grep -q "$node: HDMI: .*${wrong#*:}" "$log" || fail "$mount: no word of ${wrong#*:}"
        until_true 60 says "HDMI: .*${wrong#*:}" || fail "$mount: status says $("$LENSLET" status --control /tmp/lab.control)"
    done
    mode $node 0
    until_true 120 says "^$mount *live " || fail "$mount: it does not run again"
    until_true 120 lines /tmp/reader.csv $(($(wc -l </tmp/reader.csv) + 4)) || fail "$mount: nothing more: $(cat /tmp/reader.log)"
    kill -INT "$reader"; wait "$reader" || fail "$mount: $(cat /tmp/reader.log)"
    pass "/$mount: another size, no cable, no lock and out of range are told, and the reader stays: $(tail -1 /tmp/reader.log)"
done
stop
