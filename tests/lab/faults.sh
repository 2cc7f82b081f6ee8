# shellcheck shell=bash disable=SC2154 # behind guest.sh
echo '== each fault while a reader watches'
raw_cameras
python3 "$LAB/faults.py" once || fail 'faults'

echo '== what no camera should give, while a reader watches: since the beginning of the clock, beside it'
wait "$bad" || fail "bad input: $(cat /tmp/bad.log)"
cat /tmp/bad.log
