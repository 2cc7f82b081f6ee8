# shellcheck shell=bash disable=SC2154 # behind guest.sh
echo '== panics in what captures and what codes, while readers watch: beside the clock'
wait "$panics" || fail 'panics'
grep -q '^test result: ok. 1 passed' /tmp/serve.panics.log || fail 'the test did not run'
grep 'plays again' /tmp/serve.panics.log
pass 'a camera is back after each panic, with no packet missing, and another mount had none of it'

echo '== each fault while readers watch'
python3 "$LAB/faults.py" once || fail 'faults'

echo '== what no camera should give, while a reader watches: since the beginning of the clock, beside it'
wait "$bad" || fail "bad input: $(cat /tmp/bad.log)"
cat /tmp/bad.log
