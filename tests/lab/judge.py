#!/usr/bin/env python3
"""judge.py [--gap] SENT RECEIVED...: decodes each RECEIVED without an error; each of its pictures is one of SENT's.

--gap: but for one gap, in which the server shows a picture of its own."""
import subprocess, sys

LEAST = 20


def pictures(path):
    done = subprocess.run(['ffmpeg', '-v', 'error', '-xerror', '-err_detect', 'explode', '-i', path, '-an', '-f', 'framemd5', '-'],
                          capture_output=True, text=True)
    if done.returncode or done.stderr:
        sys.exit(f'FAIL: {path} does not decode: {done.stderr.strip() or done.returncode}')
    return [line.split(',')[-1].strip() for line in done.stdout.splitlines() if not line.startswith('#')]


gap = sys.argv[1] == '--gap'
film, *paths = sys.argv[1 + gap:]
sent = pictures(film)
for path in paths:
    received = pictures(path)
    name = path.rsplit('/', 1)[-1]
    others = [number for number, picture in enumerate(received) if picture not in sent]
    if len(received) < LEAST: sys.exit(f'FAIL: {name}: {len(received)} pictures of {LEAST}')
    if gap:
        if not others or others[-1] - others[0] != len(others) - 1 or not 0 < others[0] <= others[-1] < len(received) - 1:
            sys.exit(f'FAIL: {name}: one gap among {len(received)} pictures is expected, and these were never sent: {others}')
        print(f'ok: {name}: {len(others)} pictures shown while there was no camera, {others[0]} before them and {len(received) - 1 - others[-1]} behind')
    elif others: sys.exit(f'FAIL: {name}: {len(others)} of {len(received)} pictures were never sent, the first is {others[0]}')
    print(f'ok: {name}: {len(received)} pictures decoded without an error, each as it was sent' + ' but for those' * gap)
