# shellcheck shell=bash disable=SC2154 # behind guest.sh
echo '== cameras that may not be opened are named, with what to do'
chmod 600 /dev/video*; chmod 666 /dev/video30
mkdir -p /tmp/nobody; chown 65534 /tmp/nobody
as_nobody() { cd /tmp/nobody && exec setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/tmp/nobody "$@"; }
(as_nobody "$LENSLET" probe) >/tmp/denied.txt || fail 'probe'
grep -A1 '^/dev/video31 ' /tmp/denied.txt | grep -q 'permission denied: add the user to the group .video.' || fail "probe: $(tail -n 4 /tmp/denied.txt)"
(as_nobody "$LENSLET" probe --json) | python3 -c '
import json, sys
denied = {node["path"]: node for node in json.load(sys.stdin)["denied"]}
assert "/dev/video31" in denied and "/dev/video30" not in denied and "vivid" in denied["/dev/video31"]["name"], denied' || fail 'probe --json'
(as_nobody "$LENSLET" serve --control /tmp/nobody/control) >/tmp/nobody/log 2>&1 & server=$!
until_true 60 grep -q '/dev/video31.*may not be opened.*add the user to the group .video.' /tmp/nobody/log || fail "the log does not say: $(cat /tmp/nobody/log)"
open_to() { "$LENSLET" status --control /tmp/nobody/control 2>&1 | grep -q "$1"; }
until_true 60 open_to '/dev/video31' || fail "status: $("$LENSLET" status --control /tmp/nobody/control)"
[ "$(grep -c 'may not be opened' /tmp/nobody/log)" = 1 ] || fail 'it is told again and again'
chmod 666 /dev/video*
until_true 60 open_to '^camera1 ' || fail 'it is not served though it may be opened'
until_true 60 grep -q 'over: .*may not be opened' /tmp/nobody/log || fail 'the alarm stays'
pass "probe, log and status name them: $(grep -m1 -o '/dev/video31.*' /tmp/denied.txt)"
kill "$server"; wait "$server" 2>/dev/null
