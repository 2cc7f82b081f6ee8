# shellcheck shell=bash disable=SC2154,SC2034 # behind guest.sh
echo '== the configurations of configs/ as they are'
raw_cameras
python3 "$LAB/uvccam.py" --h264 "$WIDE_H264" --size 1280x720 --fps 30 & camera=$!
until_true 60 node || fail 'the camera made no node'
serve usb-camera --config "$LAB/../../configs/usb-camera.ron"
take cam as-usb-camera.h264
told 'H264 1280x720 at 30 a second: as it comes'
stop
unplug
# A webcam of raw pictures, at the node that is named.
ln -s video30 /dev/video0
v4l2-ctl -d /dev/video30 --set-input 1 >/dev/null; still /dev/video30
serve raspberry-pi --config "$LAB/../../configs/raspberry-pi.ron"
take cam as-raspberry-pi.h264
told 'has no 30 pictures a second at this size: 12.5 are asked for'
told '1280x720 at 12.5 a second, coded by bcm2835-codec (/dev/video40) at 4000 kbit/s, without a copy'
stop
rm /dev/video0
