# shellcheck shell=bash disable=SC2154 # behind guest.sh
echo '== 64 MB of memory: those who watch stay in time, new ones are refused'
# A tenth of a core is had outside (tests/it/starved.rs): of this machine's cores, which are emulated, it would be none.
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup || fail 'no control groups'
# The program as it is released: a debug one, of 90 MB, waits for its own code to be read again.
LENSLET_BINARY=$LENSLET "$IT" starved::with_little_memory --nocapture >/tmp/serve.starved.log 2>&1 || fail 'starved'
grep -q 'passed over' /tmp/serve.starved.log && fail 'no group for memory could be made'
grep -q '^test result: ok. 1 passed' /tmp/serve.starved.log || fail 'the test did not run'
pass "$(grep -o 'no more viewers.*' /tmp/serve.starved.log); $(grep -o '[0-9]* kB, [0-9]* packets, [0-9.]* s late at most' /tmp/serve.starved.log)"
# The other machine waits for this: it takes a core.
touch /lab/out/starved
