#!/usr/bin/env python3
"""judge.py SENT RECEIVED...: decodes each RECEIVED without an error; each of its pictures is one of SENT's."""
import subprocess, sys

LEAST = 20


def pictures(path):
    done = subprocess.run(['ffmpeg', '-v', 'error', '-xerror', '-err_detect', 'explode', '-i', path, '-an', '-f', 'framemd5', '-'],
                          capture_output=True, text=True)
    if done.returncode or done.stderr:
        sys.exit(f'FAIL: {path} does not decode: {done.stderr.strip() or done.returncode}')
    return [line.split(',')[-1].strip() for line in done.stdout.splitlines() if not line.startswith('#')]


sent = pictures(sys.argv[1])
for path in sys.argv[2:]:
    received = pictures(path)
    name = path.rsplit('/', 1)[-1]
    others = [number for number, picture in enumerate(received) if picture not in sent]
    if len(received) < LEAST: sys.exit(f'FAIL: {name}: {len(received)} pictures of {LEAST}')
    if others: sys.exit(f'FAIL: {name}: {len(others)} of {len(received)} pictures were never sent, the first is {others[0]}')
    print(f'ok: {name}: {len(received)} pictures decoded without an error, each as it was sent')
