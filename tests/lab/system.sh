# shellcheck shell=bash disable=SC2154 # appended to guest.sh
echo '== the wall clock steps by decades while somebody watches'
cat >/tmp/clock.ron <<'RON'
(mounts: { "test": Pattern(width: 64, height: 48, fps: 5) })
RON
serve clock --config /tmp/clock.ron
python3 "$LAB/clock.py" test || fail 'a step of the wall clock was seen'
stop
pass 'steps of the wall clock change nothing but the mapping in sender reports'

echo '== 64 MB of memory, a tenth of a core: those who watch stay in time, new ones are refused'
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup || fail 'no control groups'
for limit in with_little_memory_new_viewers_are_refused_until_there_is_more \
    with_a_tenth_of_a_core_new_viewers_are_refused_and_old_ones_stay_in_time; do
    "$IT" --exact "starved::$limit" --nocapture >/tmp/serve.starved.log 2>&1 || fail 'starved'
    grep -q 'passed over' /tmp/serve.starved.log && fail 'no control group could be made'
    grep -q '^test result: ok. 1 passed' /tmp/serve.starved.log || fail 'the test did not run'
    pass "$limit: $(grep -o 'no more viewers.*' /tmp/serve.starved.log); $(grep -o '[0-9]* kB, [0-9]* packets, [0-9.]* s late at most' /tmp/serve.starved.log)"
done

echo '== what no camera should give, while a reader watches'
wait "$bad" || fail "bad input: $(cat /tmp/bad.log)"
cat /tmp/bad.log
