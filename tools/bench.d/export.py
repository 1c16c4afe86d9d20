#!/usr/bin/env python3
"""pgstride export against psql \\copy in as many processes, and pg_dump -Fd -j, on the same data.

Called by tools/bench export, which makes the server. Each round runs every tool once, on each table, in
an order that turns by one from round to round; a ratio is taken within a round, and the median of the
rounds is printed. Wall time ends when the tool has ended; "durable" adds an fsync of every file, which
pgstride and pg_dump have done by then and psql has not. CPU seconds of the client are those of its
processes, of the server those of all of its processes, ended ones too. Memory is the sum over the
client's processes of their largest resident size.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = "docs/benchmarks/export.md"
TABLES = ["narrow", "lineitem", "jsonb", "bytea"]


def sql(statement):
    done = subprocess.run(["psql", "-X", "-A", "-t", "-F", "\t", "-c", statement], check=True,
                          capture_output=True, text=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def stat_fields(pid):
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return text[text.rindex(")") + 2:].split()


def children_of(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def server_cpu(postmaster):
    """Seconds of all server processes; the postmaster's own numbers hold those that it has reaped."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:  # a backend ends a little after its client
        if sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'") == [["1"]]:
            break
    time.sleep(0.05)  # until this question's own backend is reaped: it is in every measurement alike
    ticks = sum(int(field) for field in stat_fields(postmaster)[11:15])
    for child in children_of(postmaster):
        try:
            ticks += sum(int(field) for field in stat_fields(child)[11:13])
        except FileNotFoundError:
            pass
    return ticks / TICKS


class MemoryWatch:
    """Largest resident size of processes and their descendants, looked at every 20 ms."""

    def __init__(self, pids):
        self.peaks = {}
        self._pids = pids
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self):
        while not self._over.is_set():
            waiting = list(self._pids)
            while waiting:
                pid = waiting.pop()
                try:
                    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                        if line.startswith("VmHWM:"):
                            self.peaks[pid] = int(line.split()[1]) / 1024
                    waiting += children_of(pid)
                except (FileNotFoundError, ProcessLookupError):
                    pass
            self._over.wait(0.02)

    def megabytes(self):
        self._over.set()
        self._thread.join()
        return sum(self.peaks.values())


class Measure:
    def __init__(self, wall, durable, client, server, memory, size):
        self.wall, self.durable, self.client, self.server = wall, durable, client, server
        self.memory, self.size = memory, size


def measure(commands, out, postmaster, log):
    """Runs the commands side by side; `out` is the folder that they fill."""
    before = server_cpu(postmaster)
    usage = 0.0
    start = time.monotonic()
    running = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
               for command in commands]
    watch = MemoryWatch([process.pid for process in running])
    for process in running:
        _, status, spent = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        usage += spent.ru_utime + spent.ru_stime
        if process.returncode:
            raise SystemExit(f"{process.args} ended with {process.returncode}; see {log.name}")
    wall = time.monotonic() - start
    files = [path for path in out.rglob("*") if path.is_file()]
    for path in files:
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
    durable = time.monotonic() - start
    books = {"manifest.json", "job.lock", "toc.dat"}  # of the tools' own, not data
    data = sum(path.stat().st_size for path in files
               if path.name not in books and not path.name.startswith("checkpoint.db"))
    return Measure(wall, durable, usage, server_cpu(postmaster) - before, watch.megabytes(), data)


class Bench:
    def __init__(self, arguments, work):
        self.program = os.path.abspath(arguments.program)
        self.workers = arguments.workers
        self.plain = arguments.plain
        self.postmaster = arguments.postmaster
        self.work = work
        self.bounds = {table: self._bounds(table) for table in TABLES}

    def _bounds(self, table):
        """Equal shares by row count, found before the clock runs: psql gets them for nothing."""
        cuts = sql(f"SELECT unnest(percentile_disc(ARRAY(SELECT i::float8 / {self.workers} FROM "
                   f"generate_series(1, {self.workers - 1}) i)) WITHIN GROUP (ORDER BY id)) FROM {table}")
        inner = [cut[0] for cut in cuts]
        ranges = []
        for low, high in zip([None] + inner, inner + [None]):
            parts = ([f"id > {low}"] if low else []) + ([f"id <= {high}"] if high else [])
            ranges.append(" AND ".join(parts) or "true")
        return ranges

    def pgstride(self, compress, tables, out):
        command = [self.program, "export", "--out", str(out / "job"), "-j", str(self.workers), "-Z",
                   compress, "--progress", "none"]
        for table in tables:
            command += ["--table", f"public.{table}"]
        yield [command]

    def psql(self, tables, out):
        for table in tables:
            yield [["psql", "-X", "-q", "-c", f"\\copy (SELECT * FROM {table} WHERE {where}) "
                    f"TO '{out}/{table}.{number}.csv' CSV"]
                   for number, where in enumerate(self.bounds[table])]

    def pg_dump(self, level, tables, out):
        command = ["pg_dump", "-Fd", f"-j{self.workers}", "-f", str(out / "dump"), *level]
        for table in tables:
            command += ["-t", f"public.{table}"]
        yield [command]

    def tools(self):
        jobs = self.workers
        tools = {
            "pgstride -Z none": lambda tables, out: self.pgstride("none", tables, out),
            f"psql \\copy ×{jobs}": self.psql,
            f"pg_dump -Fd -j{jobs} -Z0": lambda tables, out: self.pg_dump(["-Z0"], tables, out),
            "pgstride (zstd:1)": lambda tables, out: self.pgstride("zstd:1", tables, out),
            f"pg_dump -Fd -j{jobs}": lambda tables, out: self.pg_dump([], tables, out),
        }
        return dict(list(tools.items())[:3]) if self.plain else tools

    def run(self, tool, tables):
        out = self.work / "out"
        out.mkdir()
        os.sync()
        total = Measure(0, 0, 0, 0, 0, 0)
        with open(self.work / "log", "w", encoding="utf-8") as log:
            try:
                for commands in self.tools()[tool](tables, out):
                    one = measure(commands, out, self.postmaster, log)
                    for name in ("wall", "durable", "client", "server"):
                        setattr(total, name, getattr(total, name) + getattr(one, name))
                    total.memory = max(total.memory, one.memory)
                    total.size = one.size
            except SystemExit:
                sys.stderr.write((self.work / "log").read_text()[-2000:])
                raise
        shutil.rmtree(out)
        return total


def rounds_of(bench, label, tables, runs):
    """{tool: [measure of each round]}."""
    names = list(bench.tools())
    results = {name: [] for name in names}
    bench.run(names[0], tables)  # warms the page cache
    for number in range(runs):
        for name in names[number % len(names):] + names[:number % len(names)]:
            results[name].append(bench.run(name, tables))
            print(f"{label} round {number + 1} {name}: {results[name][-1].wall:.2f} s", file=sys.stderr)
    sizes = [results[name][0].size for name in names[:2]]
    if sizes[0] != sizes[1]:
        raise SystemExit(f"{label}: pgstride wrote {sizes[0]} bytes of csv, psql {sizes[1]}")
    return results


def ratio(results, tool, against, value):
    pairs = zip(results[tool], results[against])
    return statistics.median(getattr(a, value) / getattr(b, value) for a, b in pairs)


def median(results, tool, value):
    return statistics.median(getattr(one, value) for one in results[tool])


def table_of(label, results):
    ours = {"none": "pgstride -Z none", "packed": "pgstride (zstd:1)"}
    lines = [f"### {label}", "",
             "| tool | wall s | durable s | client CPU s | server CPU s | client MB | files MB "
             "| pgstride ÷ it, wall | durable | CPU, both |",
             "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for tool in results:
        base = ours["packed" if tool in list(results)[3:] else "none"]
        shares = "| | | "
        if tool != base:
            for one in results[tool] + results[base]:
                one.cpu = one.client + one.server
            shares = "| " + " | ".join(f"**{ratio(results, base, tool, value):.2f}**"
                                       for value in ("wall", "durable", "cpu"))
        lines.append(f"| {tool} | " + " | ".join(
            f"{median(results, tool, value):.{digits}f}" for value, digits in
            (("wall", 2), ("durable", 2), ("client", 2), ("server", 2), ("memory", 0)))
            + f" | {median(results, tool, 'size') / 1048576:.0f} {shares} |")
    return lines + [""]


def machine():
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GB, Linux {platform.release().split('-')[0]}"


def main():
    parser = argparse.ArgumentParser(
        prog="tools/bench export", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scale", type=float, default=0.2, help="1 is 10 million narrow rows; default 0.2")
    parser.add_argument("--runs", type=int, default=5, help="rounds that count; default 5")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="default: number of cores")
    parser.add_argument("--tables", default=",".join(TABLES),
                        help="some of " + ",".join(TABLES) + "; all of them also run as one job")
    parser.add_argument("--plain", action="store_true",
                        help="without the compressed ones: pg_dump's gzip takes most of the time")
    parser.add_argument("--page", default=PAGE, help=f"where the table is written; default {PAGE}")
    parser.add_argument("--json", help="writes every single measurement to this file")
    parser.add_argument("--program", help=argparse.SUPPRESS)
    parser.add_argument("--postmaster", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", f"scale={arguments.scale}",
                    "-f", "tools/bench.d/export.sql"], check=True)
    rows = {table: int(sql(f"SELECT count(*) FROM {table}")[0][0]) for table in TABLES}
    everything = {}
    with tempfile.TemporaryDirectory(prefix="pgstride-bench.") as folder:
        bench = Bench(arguments, pathlib.Path(folder))
        chosen = arguments.tables.split(",")
        for table in chosen:
            everything[f"{table}, {rows[table]:,} rows"] = rounds_of(bench, table, [table], arguments.runs)
        if set(chosen) == set(TABLES):
            everything["all four in one job"] = rounds_of(bench, "all", TABLES, arguments.runs)

    version = sql("SHOW server_version")[0][0].split()[0]
    tool = subprocess.run([bench.program, "--version"], check=True, capture_output=True, text=True)
    lines = ["# Export, against psql and pg_dump", "",
             f"`tools/bench export --scale {arguments.scale:g} --runs {arguments.runs}"
             f" --workers {arguments.workers}{' --plain' if arguments.plain else ''}` · {tool.stdout.strip()} · PostgreSQL {version} on the same"
             f" machine · {machine()}", "",
             "Medians. Ratios are taken within a round and then the median; below 1 pgstride is faster."
             " Everything is in the page cache. *durable* is the time until every file is synced to the"
             " disk: pgstride and pg_dump have done that when they end, psql has not. psql's ranges were cut"
             " beforehand, which its time leaves out; its files are csv, pg_dump's text."
             " The CPU ratio is client and server together. Client memory is summed over processes.", ""]
    for label, results in everything.items():
        lines += table_of(label, results)
    text = "\n".join(lines).rstrip() + "\n"
    print(text)
    pathlib.Path(arguments.page).write_text(text, encoding="utf-8")
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(
            {label: {tool: [vars(one) for one in ones] for tool, ones in results.items()}
             for label, results in everything.items()}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
