# shellcheck shell=bash disable=SC2154 # behind guest.sh
# By its own server, beside the clock and the faults.
# shellcheck disable=SC2034 # for those behind it
python3 "$LAB/bad.py" >/tmp/bad.log 2>&1 & bad=$!

echo '== the wall clock steps by decades while somebody watches'
cat >/tmp/clock.ron <<'RON'
(mounts: { "test": Pattern(width: 64, height: 48, fps: 5) })
RON
serve clock --config /tmp/clock.ron
python3 "$LAB/clock.py" test || fail 'a step of the wall clock was seen'
stop
pass 'steps of the wall clock change nothing but the mapping in sender reports'

