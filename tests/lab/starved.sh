# shellcheck shell=bash disable=SC2154 # behind guest.sh
echo '== 64 MB of memory: those who watch stay in time, new ones are refused'
# A tenth of a core is had outside (tests/it/starved.rs): of this machine's cores, which are emulated, it would be none.
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup || fail 'no control groups'
# The program as it is released: a debug one, of 90 MB, waits for its own code to be read again.
little() { # TEST: of starved
  log=/tmp/serve.starved.$1.log
  (cd "$LAB/../.." && LENSLET_BINARY=$LENSLET "$IT" --exact "starved::$1" --nocapture) >"$log" 2>&1 || fail "starved: $1"
  grep -q 'passed over' "$log" && fail 'no group for memory could be made'
  grep -q '^test result: ok. 1 passed' "$log" || fail 'the test did not run'
}
little with_little_memory_new_viewers_are_refused_until_there_is_more
pass "$(grep -o 'no more viewers.*' "$log"); $(grep -o '[0-9]* kB, [0-9]* packets, [0-9.]* s late at most' "$log")"
# The other machine waits for this: it takes a core.
touch /lab/out/starved
echo '== 64 MB of memory: three mounts of 1080p fail, and are stood in for'
little with_little_memory_mounts_of_1080p_that_fail_are_stood_in_for
pass "$(grep -o '[0-9]* kB before.*' "$log")"
