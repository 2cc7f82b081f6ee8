# shellcheck shell=bash disable=SC2154,SC2034 # behind guest.sh
# Beside the clock: what they wait for has nothing to do with each other.
raw_cameras
v4l2-ctl -d /dev/video30 --set-input 1 >/tmp/input.log || fail 'vivid has no webcam'
# By a build for developers, which alone can be made to panic.
LAB_CAMERA=/dev/video30 timeout 300 "$IT" --ignored --exact \
    panics::a_panic_in_capture_or_encoder_takes_that_camera_down_alone_and_it_comes_back --nocapture \
    >/tmp/serve.panics.log 2>&1 & panics=$!

