#!/usr/bin/env python3
"""names.py: in the guest of `run`, names USB cameras as udev does, /dev/v4l/by-id/usb-MAKER_PRODUCT_SERIAL-video-indexN: some time
after their nodes; the names go with them, and the folders with the last one."""
import glob, os, time

FOLDER = '/dev/v4l/by-id'
# Seconds that udev takes with each, on a slow board.
LATE = 0.5


def there():
    """Each name that there is to be, and its node."""
    names = {}
    for node in glob.glob('/sys/class/video4linux/video*'):
        try:
            usb = os.path.realpath(f'{node}/device') + '/..'
            said = lambda path: open(path).read().strip().replace(' ', '_')
            serial = '_'.join(said(f'{usb}/{part}') for part in ('manufacturer', 'product', 'serial'))
            names[f'usb-{serial}-video-index{said(f"{node}/index")}'] = os.path.basename(node)
        except OSError: pass                        # no USB camera, or it is gone
    return names


def update(named):
    wanted = there()
    for name in [name for name, node in named.items() if wanted.get(name) != node]:
        os.unlink(f'{FOLDER}/{name}'); del named[name]
    if not named and os.path.isdir(FOLDER): os.removedirs(FOLDER)
    for name in wanted.keys() - named.keys():
        time.sleep(LATE)
        os.makedirs(FOLDER, exist_ok=True)
        # At once with its target, under another name before.
        os.symlink(f'../../{wanted[name]}', f'{FOLDER}/.new'); os.rename(f'{FOLDER}/.new', f'{FOLDER}/{name}')
        named[name] = wanted[name]


def main():
    named = {}
    while True:
        update(named)
        time.sleep(0.1)


if __name__ == '__main__': main()
