# shellcheck shell=bash disable=SC2154 # behind guest.sh
echo '== cameras whose driver answers otherwise than it was asked, while readers watch'
[ -e "$codec" ] || modprobe labcodec video_nr=40 || fail 'labcodec'
modprobe labcam || fail 'labcam'
python3 "$LAB/camera.py" || fail 'cameras that answer otherwise'
rmmod labcam || fail 'a camera is still open'
