#!/usr/bin/env python3
"""What came through a lossless encoder, held against what a camera gave, byte for byte.

exact.py still OUT [LIST]    each line of OUT/LIST (still): NAME FOURCC WxH BYTESPERLINE; OUT/NAME.h264 is OUT/NAME.raw again and
                             again: 4:2:0 in every byte, 4:2:2 in luma and in the chroma of even lines
exact.py camera-still OUT LIST
                             the same of labcam's pattern, ten pictures each
exact.py near-still OUT LIST the same where the encoder is not lossless: few bytes are far off
exact.py moving WxH FILE...  each picture is once there, and they are in order: the pattern has moved on by one picture's step
exact.py ramp WxH FILE...    the same for the USB camera's ramp of grey
exact.py near-moving, near-ramp WxH FILE...
                             the same where the encoder is not lossless: what each picture is nearest to
exact.py near-film WxH FILM FILE...
                             the same for pictures of a film, round and round
exact.py left WxH FILE       pictures become brighter behind the keyframe, and then one is shown that is the last of them, darkened
exact.py sound FILE...       decodes without an error
"""
import os, re, subprocess, sys

LEAST = 30
# How far a byte may be off by itself where the encoder is not lossless, and how many may be farther: a tenth is, and half are where
# each line is read one pixel too far.
FAR, FEW = 2, 0.25
# Pixels from one picture of the moving pattern to the next.
STEP = 4


def decoded(path, size=None, least=LEAST):
    done = subprocess.run(['ffmpeg', '-v', 'error', '-xerror', '-err_detect', 'explode', '-i', path, '-fps_mode', 'passthrough',
                           '-pix_fmt', 'yuv420p', '-f', 'rawvideo', '-'], capture_output=True)
    if done.returncode or done.stderr: sys.exit(f'FAIL: {path} does not decode: {done.stderr.decode().strip() or done.returncode}')
    if size is None: return done.stdout
    length = size[0] * size[1] * 3 // 2
    whole = len(done.stdout) % length == 0 and len(done.stdout) // length
    if not whole or whole < least: sys.exit(f'FAIL: {path}: {len(done.stdout)} bytes are not {least} pictures of {length}')
    return [done.stdout[at:at + length] for at in range(0, len(done.stdout), length)]


def planar(raw, fourcc, size):
    """A camera's picture as luma, blue, red; of 4:2:2 the chroma of even lines."""
    width, height = size
    area = width * height
    if fourcc in ('YUYV', 'UYVY'):
        first = fourcc == 'UYVY'
        luma = raw[first:2 * area:2]
        lines = [raw[at:at + 2 * width] for at in range(0, 2 * area, 4 * width)]
        blue, red = (b''.join(line[at::4] for line in lines) for at in ((0, 2) if first else (1, 3)))
        return luma + blue + red
    luma, chroma = raw[:area], raw[area:area * 3 // 2]
    if fourcc in ('NV12', 'NV21'):
        first, second = chroma[::2], chroma[1::2]
    else: first, second = chroma[:area // 4], chroma[area // 4:]
    return luma + (second + first if fourcc in ('NV21', 'YV12') else first + second)


def packed(raw, fourcc, size, stride):
    """A camera's picture without what pads its lines; v4l2-ctl leaves that out by itself, or not."""
    width, height = size
    if len(raw) == width * height * (4 if fourcc in ('YUYV', 'UYVY') else 3) // 2: return raw
    if fourcc in ('YUYV', 'UYVY'): rows = [(0, stride, 2 * width, height)]
    elif fourcc in ('NV12', 'NV21'): rows = [(0, stride, width, height), (stride * height, stride, width, height // 2)]
    else:
        half = stride // 2 * (height // 2)
        rows = [(0, stride, width, height)] + [(stride * height + at, stride // 2, width // 2, height // 2) for at in (0, half)]
    return b''.join(raw[start + row * step:][:length] for start, step, length, count in rows for row in range(count))


def pattern(fourcc, size):
    """What labcam gives, lines one behind the other."""
    width, height = size
    half = [(x, y) for y in range(height // 2) for x in range(width // 2)]
    luma = lambda x, y: 16 + (3 * x + 5 * y) % 220
    blue = lambda x, y: 40 + (x + 3 * y) % 170
    red = lambda x, y: 200 - (2 * x + y) % 150
    if fourcc in ('YUYV', 'UYVY'):
        pairs = (((luma(x, y), blue(x // 2, y // 2)), (luma(x + 1, y), red(x // 2, y // 2))) for y in range(height) for x in range(0, width, 2))
        return bytes(byte for pair in pairs for two in pair for byte in (two if fourcc == 'YUYV' else two[::-1]))
    planes = [bytes(blue(*at) for at in half), bytes(red(*at) for at in half)]
    if fourcc in ('NV21', 'YV12'): planes.reverse()
    chroma = bytes(byte for two in zip(*planes) for byte in two) if fourcc in ('NV12', 'NV21') else b''.join(planes)
    return bytes(luma(x, y) for y in range(height) for x in range(width)) + chroma


def size_of(text): return tuple(map(int, text.split('x')))


def still(out, list_='still', camera=False, near=False):
    lines = open(f'{out}/{list_}').read().splitlines()
    if not lines: sys.exit(f'FAIL: {list_}: nothing was received')
    for line in lines:
        name, fourcc, size, stride = line.split()
        raw = pattern(fourcc, size_of(size)) if camera else packed(open(f'{out}/{name}.raw', 'rb').read(), fourcc, size_of(size), int(stride))
        expected = planar(raw, fourcc, size_of(size))
        pictures = decoded(f'{out}/{name}.h264', size_of(size), 10 if camera else LEAST)
        if near:
            # The first ones are coarse while the encoder finds its rate.
            far = sum(abs(is_ - was) > FAR for is_, was in zip(pictures[-1], expected)) / len(expected)
            if far > FEW: sys.exit(f'FAIL: {name}: {far:.1%} of the last picture are far from what the camera gave')
            print(f'ok: {name}: {far:.1%} of the last picture are more than {FAR} off')
            continue
        for number, picture in enumerate(pictures):
            if picture != expected:
                at = next(at for at, (is_, was) in enumerate(zip(picture, expected)) if is_ != was)
                sys.exit(f'FAIL: {name}: picture {number} differs from byte {at} on')
        print(f'ok: {name}: {len(pictures)} pictures equal what the camera gave, {len(expected)} bytes each')


def moved(before, after):
    """By how many pixels a line has moved to the right, round and round; none if it is another line."""
    place = (before + before).find(after)
    return None if place < 0 else (len(before) - place) % len(before)


def once_each(path, numbers, around, step=1):
    """Holds numbers, that go round and round, to be each one there once and in order. What is missing has to be accounted for, gap
    by gap: the log beside the file says before which coded picture the camera's own numbers had a gap, and how large. Each of
    those is seen, at its place and as large, and no other is, but one as large as what the server counted as not sent to this
    reader, since it was behind. Else the server lost pictures."""
    steps = [(after - before) % around for before, after in zip(numbers, numbers[1:])]
    if 0 in steps or any(by % step for by in steps): sys.exit(f'FAIL: {path}: not each once and in order: {numbers}')
    missing = [by // step - 1 for by in steps]
    name = os.path.basename(path).rsplit('.', 1)[0]
    runs, coded, skipped = told(os.path.join(os.path.dirname(path), f'serve.{name}.log'))
    # Which of the coded pictures was the first that was received the log does not say.
    firsts = range(max(coded - len(numbers), 0) + 1 if coded else MOST_BEFORE)
    def accounted(run, number, jump):
        for at, gap in enumerate(missing):
            over = skipped if at == jump else 0
            if gap != (over + sum(run.get(number + by, 0) for by in range(1, over + 2))) % (around // step): return False
            number += over + 1
        return True
    jumps = range(-1, len(missing) if skipped else 0)
    if not any(accounted(run, first, jump) for run in runs for first in firsts for jump in jumps):
        sys.exit(f'FAIL: {path}: missing are {missing}, the camera\'s own gaps are {runs}, and {skipped} were not sent: {numbers}')
    gaps = sum(map(bool, missing))
    return f'{len(numbers)} pictures, each once and in order' + (f'; {sum(missing)} are missing, in {gaps} gaps that the camera\'s numbers have at the same places' + f', or as the {skipped} that were not sent' * bool(skipped) if gaps else ', none missing')


# Pictures that the processor coded before the first that was received, at most.
MOST_BEFORE = 60


def told(log):
    """Each time that a camera ran: before which of its coded pictures how many were missing. And how many were coded, if that is said, and how many of
    them were not sent to the reader."""
    runs, last, coded, skipped = [{}], -1, 0, 0
    for line in open(log, errors='replace'):
        if gap := re.search(r'(\d+) missing before coded picture (\d+)', line):
            pictures, before = int(gap[1]), int(gap[2])
            if before <= last: runs.append({})
            runs[-1][before], last = pictures, before
        if counts := re.search(r'(\d+) coded \(\d+ bytes', line): coded += int(counts[1])
        if unsent := re.search(r'not sent: \[(\d+) behind live\]', line): skipped += int(unsent[1])
    return runs, coded, skipped


def moving(size, paths):
    width, height = size
    for path in paths:
        lines = [picture[width * (height // 2):][:width] for picture in decoded(path, size)]
        steps = [moved(before, after) for before, after in zip(lines, lines[1:])]
        if None in steps: sys.exit(f'FAIL: {path}: picture {steps.index(None) + 1} is not the one before it, moved')
        places = [0]
        for step in steps: places.append((places[-1] + step) % width)
        print(f'ok: {path}: {once_each(path, places, width, STEP)}')


def ramp(size, paths):
    width, height = size
    shown = {bytes((x + k * 8) & 255 for x in range(width)) * height + b'\x80' * (width * height // 2): k for k in range(32)}
    for path in paths:
        numbers = [shown.get(picture) for picture in decoded(path, size)]
        if None in numbers: sys.exit(f'FAIL: {path}: picture {numbers.index(None)} was never shown')
        print(f'ok: {path}: as the camera showed them, {once_each(path, numbers, 32)}')


def distance(one, other): return sum(abs(a - b) for a, b in zip(one, other))


def nearest(picture, others):
    """Which of the others it is, and how far the next one is behind it."""
    order = sorted((distance(picture, other), number) for number, other in enumerate(others))
    return order[0][1], order[1][0] / max(order[0][0], 1)


def judge_clear(path, places):
    """Which picture each is; the next nearest has to be clearly farther."""
    clear = min(clear for _, clear in places)
    if clear < 1.2: sys.exit(f'FAIL: {path}: a picture is as near to one as to another ({clear:.2f} times)')
    return [place for place, _ in places], f' (the next one is at least {clear:.1f} times as far)'


def near_moving(size, paths):
    width, height = size
    for path in paths:
        lines = [picture[width * (height // 2):][:width] for picture in decoded(path, size)]
        places = [nearest(line, [lines[0][-by:] + lines[0][:-by] if by else lines[0] for by in range(0, width, STEP)]) for line in lines]
        print(f'ok: {path}: {once_each(path, [place for place, _ in places], width // STEP)}')


def near_ramp(size, paths):
    width, height = size
    shown = [bytes((x + k * 8) & 255 for x in range(width)) for k in range(32)]
    for path in paths:
        places = [nearest(picture[width * (height // 2):][:width], shown) for picture in decoded(path, size)]
        places, clear = judge_clear(path, places)
        print(f'ok: {path}: as the camera showed them, {once_each(path, places, 32)}{clear}')


def near_film(size, film, paths):
    small = lambda picture: picture[:size[0] * size[1]:7]
    shown = [small(picture) for picture in decoded(film, size)]
    for path in paths:
        places = [nearest(small(picture), shown) for picture in decoded(path, size)]
        places, clear = judge_clear(path, places)
        print(f'ok: {path}: as the camera showed them, {once_each(path, places, len(shown))}{clear}')


def left(size, path):
    # Above what is written on it.
    rows = size[0] * size[1] // 4
    luma = [sum(picture[:rows]) / rows for picture in decoded(path, size)]
    darkened = lambda value: 16 + (value - 16) / 2
    if max(luma) < luma[0] + 20: sys.exit(f'FAIL: {path}: nothing became brighter: {luma}')
    brighter = next(at for at, value in enumerate(luma) if value > luma[0] + 20)
    shown = next((at for at in range(brighter, len(luma)) if luma[at] < luma[at - 1] - 10), None)
    if shown is None: sys.exit(f'FAIL: {path}: nothing is shown behind the last picture: {luma}')
    last, keyframe = darkened(luma[shown - 1]), darkened(luma[0])
    if abs(luma[shown] - last) > 3 or abs(luma[shown] - keyframe) < 5:
        sys.exit(f'FAIL: {path}: luma {luma[shown]:.1f} is shown: the last picture is {last:.1f} by then, the keyframe {keyframe:.1f}')
    print(f'ok: {path}: picture {shown} has luma {luma[shown]:.1f}: the last one, darkened, has {last:.1f}, the keyframe would have {keyframe:.1f}')


kind, *rest = sys.argv[1:]
if kind == 'still': still(*rest)
elif kind == 'camera-still': still(*rest, camera=True)
elif kind == 'near-still': still(*rest, camera=True, near=True)
elif kind == 'moving': moving(size_of(rest[0]), rest[1:])
elif kind == 'ramp': ramp(size_of(rest[0]), rest[1:])
elif kind == 'near-moving': near_moving(size_of(rest[0]), rest[1:])
elif kind == 'near-ramp': near_ramp(size_of(rest[0]), rest[1:])
elif kind == 'near-film': near_film(size_of(rest[0]), rest[1], rest[2:])
elif kind == 'left': left(size_of(rest[0]), rest[1])
elif kind == 'sound':
    for path in rest: print(f'ok: {path}: {len(decoded(path))} bytes of pictures decoded without an error')
else: sys.exit(__doc__)
