# shellcheck shell=bash disable=SC2154,SC2034 # behind guest.sh
echo '== nothing empty was given to the encoder'
[ "$(cat "$codec/empty")" = 0 ] || fail "$(cat "$codec/empty") empty pictures"
# It counts them.
{ python3 "$LAB/empty.py" /dev/video40 && [ "$(cat "$codec/empty")" = 1 ]; } || fail 'an empty picture is not counted'
pass 'of all pictures that it was given none was empty'
