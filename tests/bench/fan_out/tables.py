"""What was measured, told as tables: everything by transport, and in brief a server by both."""

import statistics

SENDS = {"sendto", "sendmsg", "sendmmsg", "write", "writev"}


def per_picture_and_viewer(result, names=None):
    """Calls (of these names) for each picture of each viewer: by the pictures a second that arrived."""
    pictures = result["pictures"] / result["window_s"] * result["calls_s"]
    return sum(count for name, count in result["calls"].items() if names is None or name in names) / pictures


class Measured:
    """All servers' results by one transport: of each server and number of viewers some rounds, and one with calls counted."""

    def __init__(self, names, viewers, rounds, counted):
        self.names, self.viewers, self.rounds, self.counted = names, viewers, rounds, counted
        self.few, self.many = viewers[0], viewers[-1]
        self.yardsticks = [name for name in names if name.startswith("bare")]

    def counts(self, name):
        return [count for count in self.viewers if (name, count) in self.rounds]

    def median(self, name, count, field):
        results = self.rounds.get((name, count), ())
        # Results that were kept of an older version may lack it.
        values = [result[field] for result in results if field in result]
        return statistics.median(values) if values else None

    def cost(self, name, count):
        return self.median(name, count, "us_per_packet")

    def against(self, name, count):
        """By the cheapest mode of the loop; without the loop the first server is held against the others."""
        costs = [self.cost(other, count) for other in self.yardsticks or self.names[:1]]
        own, bare = self.cost(name, count), min((cost for cost in costs if cost), default=None)
        return own / bare if own and bare else None

    def megabytes(self, name, field):
        kilobytes = self.median(name, self.many, field)
        return None if kilobytes is None else kilobytes / 1000

    def each(self, name):
        """KB of a process's own memory that a viewer takes, from the fewest to the most: pages of files are not his."""
        few, many = (self.median(name, count, "private_kb") for count in (self.few, self.many))
        if few is None or many is None or self.few == self.many:
            return None
        return (many - few) / (self.many - self.few)

    def calls(self, name, count):
        traced = self.counted.get((name, count))
        return per_picture_and_viewer(traced) if traced else None

    def first_keyframe(self, name):
        times = [time for result in self.rounds.get((name, self.many), ()) for time in result["keyframe_ms"]]
        return statistics.median(times) if times else None

    def lost(self, name):
        results = [(count, result) for count in self.counts(name) for result in self.rounds[name, count]]
        missing = sum(count - result["playing"] for count, result in results)
        return f"{sum(result['lost'] for _, result in results)}" + (f"; {missing} viewers saw nothing" if missing else "")


def tell_table(transport, measured):
    few, many = measured.few, measured.many
    rows = [
        [
            name,
            *[figure(measured.cost(name, count), 2) for count in measured.viewers],
            ", ".join(figure(measured.against(name, count), 2) for count in measured.counts(name)),
            f"{figure(measured.megabytes(name, 'resident_before_kb'), 1)}, "
            f"{figure(measured.megabytes(name, 'resident_kb'), 1)} MB",
            figure(measured.each(name), 1),
            ", ".join(figure(measured.calls(name, count), 3) for count in (few, many)),
            figure(measured.first_keyframe(name), 1, " ms"),
            measured.lost(name),
        ]
        for name in measured.names
    ]
    titles = [
        transport.upper(),
        *[f"µs CPU a packet, {count} viewers" for count in measured.viewers],
        "against the bare loop" if measured.yardsticks else f"against {measured.names[0]}",
        f"resident: none, {many} viewers",
        f"KB a viewer, {few} to {many}",
        f"system calls a picture and viewer: {few}, {many} viewers",
        f"PLAY to first keyframe, median of {many}",
        "lost",
    ]
    tell(titles, rows)


def tell_in_brief(servers, measured):
    """A row a server, with the most viewers; of several modes of the loop the cheapest by each transport."""
    any_of_them = next(iter(measured.values()))
    few, many = any_of_them.few, any_of_them.many

    def name_of(server, of):
        modes = [name for name in of.names if name == server or server == "bare" and name.startswith("bare ")]
        return min((name for name in modes if of.cost(name, many)), key=lambda name: of.cost(name, many), default=server)

    def cells(server):
        named = [(of, name_of(server, of)) for of in measured.values()]
        yield server
        for of, name in named:
            yield f"{figure(of.cost(name, many), 2)} ({figure(of.against(name, many), 2)})"
        yield " / ".join(figure(of.megabytes(name, "resident_kb"), 1) for of, name in named) + " MB"
        yield " / ".join(figure(of.each(name), 1) for of, name in named)
        for count in dict.fromkeys((few, many)):
            yield " / ".join(figure(of.calls(name, count), 3) for of, name in named)
        yield " / ".join(figure(of.first_keyframe(name), 1) for of, name in named) + " ms"

    yardstick = "the bare loop" if any_of_them.yardsticks else servers[0]
    by = " / ".join(transport.upper() for transport in measured)
    titles = [
        f"{many} viewers",
        *[f"{transport.upper()}: µs CPU a packet (against {yardstick})" for transport in measured],
        f"resident: {by}",
        f"KB a viewer, {few} to {many}: {by}",
        *[f"system calls a picture and viewer, {count} viewers: {by}" for count in dict.fromkeys((few, many))],
        f"PLAY to first keyframe, median: {by}",
    ]
    tell(titles, [list(cells(server)) for server in servers])


def tell(titles, rows):
    print(f"| {' | '.join(titles)} |\n{'|---' * len(titles)}|")
    for cells in rows:
        print(f"| {' | '.join(cells)} |")
    print(flush=True)


def figure(value, places, unit=""):
    return "-" if value is None else f"{value:.{places}f}{unit}"
