#!/usr/bin/env python3
"""pgstride copy against psql | psql, pg_dump -Fd | pg_restore and pgcopydb, from one database to another.

Called by tools/bench copy, which makes the server; both databases are on it. Each tool begins with an
empty database and ends when it has the tables with their rows and primary keys: pgstride by
--create-schema, psql with tables made beforehand and primary keys made at the end, two at a time. psql's
ranges were cut beforehand, which its time leaves out. pgcopydb is left out where it is not installed
(apt-get install pgcopydb). Each round runs every tool once, in an order that turns by one from round to
round; a ratio is taken within a round, and the median of the rounds is printed. CPU seconds are those of
the tool's processes and of all of the server's.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from export import TABLES, machine, server_cpu, sql

PAGE = "docs/benchmarks/copy.md"
TARGET = "into"


def bounds_of(table, parts):
    most = int(sql(f"SELECT max(id) FROM {table}")[0][0])
    return [(most * i // parts, most * (i + 1) // parts) for i in range(parts)]


class Bench:
    def __init__(self, arguments, work):
        self.program = os.path.abspath(arguments.program)
        self.jobs = arguments.workers
        self.postmaster = arguments.postmaster
        self.work = work
        self.source = f"host={os.environ['PGHOST']} dbname=postgres"
        self.target = f"host={os.environ['PGHOST']} dbname={TARGET}"
        self.rows = {table: int(sql(f"SELECT count(*) FROM {table}")[0][0]) for table in TABLES}
        self.bounds = {table: bounds_of(table, self.jobs) for table in TABLES}

    def tools(self):
        tools = {"pgstride copy": self.pgstride, f"psql \\| psql ×{self.jobs}": self.psql,
                 f"pg_dump -Fd -j{self.jobs}, pg_restore -j{self.jobs}": self.dump_restore}
        if shutil.which("pgcopydb"):
            tools["pgcopydb clone"] = self.pgcopydb
        return tools

    def pgstride(self):
        return [self.program, "copy", "--source", self.source, "--target", self.target, "--job",
                str(self.work / "job"), "-j", str(self.jobs), "--create-schema", "--progress", "none"]

    def psql(self):
        pipes = []
        for part in range(self.jobs):
            steps = []
            for table in TABLES:
                low, high = self.bounds[table][part]
                steps.append(f"psql -X -q -d '{self.source}' -c 'COPY (SELECT * FROM {table} WHERE id > {low} "
                             f"AND id <= {high}) TO STDOUT' | psql -X -q -d '{self.target}' -c 'COPY {table} "
                             "FROM STDIN'")
            pipes.append("(" + " && ".join(steps) + ") &")
        keys = [f"psql -X -q -d '{self.target}' -c 'ALTER TABLE {table} ADD PRIMARY KEY (id)'"
                for table in TABLES]
        halves = [" && ".join(keys[i::self.jobs]) for i in range(self.jobs)]
        wait = "for job in $(jobs -p); do wait $job; done"
        return ["bash", "-e", "-c", "\n".join(pipes + [wait] + [f"({half}) &" for half in halves] + [wait])]

    def dump_restore(self):
        folder = self.work / "dump"
        return ["bash", "-e", "-c", f"pg_dump -Fd -Z0 -j{self.jobs} -f {folder} -d '{self.source}'; "
                f"pg_restore -j{self.jobs} -d '{self.target}' {folder}"]

    def pgcopydb(self):
        return ["pgcopydb", "clone", "--source", self.source + " user=postgres", "--target",
                self.target + " user=postgres", "--table-jobs", str(self.jobs), "--index-jobs",
                str(self.jobs), "--dir", str(self.work / "pgcopydb")]

    def run(self, tool):
        sql(f"DROP DATABASE IF EXISTS {TARGET}")
        sql(f"CREATE DATABASE {TARGET} TEMPLATE template0")
        if "psql" in tool:
            subprocess.run(f"pg_dump -s --section=pre-data -d '{self.source}' | psql -X -q -d '{self.target}'",
                           shell=True, check=True, stdout=subprocess.DEVNULL)
        sql("CHECKPOINT")
        command = self.tools()[tool]()
        log = self.work / "log"
        before = server_cpu(self.postmaster)
        start = time.monotonic()
        with open(log, "w", encoding="utf-8") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            _, status, spent = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{tool} ended with {process.returncode}:\n{log.read_text()[-3000:]}")
        server = server_cpu(self.postmaster) - before
        for table, rows in self.rows.items():
            found = subprocess.run(["psql", "-X", "-A", "-t", "-d", self.target, "-c",
                                    f"SELECT count(*) FROM {table}"], check=True, capture_output=True,
                                   text=True).stdout.strip()
            if int(found) != rows:
                raise SystemExit(f"{tool}: {found} of {rows} rows in {table}")
        for folder in ("job", "dump", "pgcopydb"):
            shutil.rmtree(self.work / folder, ignore_errors=True)
        return {"wall": wall, "client": spent.ru_utime + spent.ru_stime, "server": server}


def main():
    parser = argparse.ArgumentParser(
        prog="tools/bench copy", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scale", type=float, default=0.2, help="1 is 10 million narrow rows; default 0.2")
    parser.add_argument("--runs", type=int, default=3, help="rounds that count; default 3")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="default: number of cores")
    parser.add_argument("--page", default=PAGE, help=f"where the table is written; default {PAGE}")
    parser.add_argument("--program", help=argparse.SUPPRESS)
    parser.add_argument("--postmaster", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", f"scale={arguments.scale}",
                    "-f", "tools/bench.d/export.sql"], check=True)
    with tempfile.TemporaryDirectory(prefix="pgstride-bench.") as folder:
        bench = Bench(arguments, pathlib.Path(folder))
        names = list(bench.tools())
        results = {name: [] for name in names}
        bench.run(names[0])  # warms the page cache
        for number in range(arguments.runs):
            for name in names[number % len(names):] + names[:number % len(names)]:
                results[name].append(bench.run(name))
                print(f"round {number + 1} {name}: {results[name][-1]['wall']:.2f} s", file=sys.stderr)
    ours = results[names[0]]
    size = int(sql("SELECT sum(pg_table_size(oid)) FROM pg_class WHERE relname IN ('narrow', 'lineitem', "
                   "'jsonb', 'bytea')")[0][0])
    version = sql("SHOW server_version")[0][0].split()[0]
    lines = ["# Copy, against psql, pg_dump with pg_restore, and pgcopydb", "",
             f"`tools/bench copy --scale {arguments.scale:g} --runs {arguments.runs}"
             f" --workers {arguments.workers}` · PostgreSQL {version}, both databases on it · {machine()}", "",
             f"{sum(bench.rows.values()):,} rows in {len(TABLES)} tables, {size / 1048576:.0f} MB, into an empty"
             " database, primary keys included. Medians; ratios are taken within a round and then the median:"
             " below 1 pgstride is faster.", "",
             "| tool | wall s | client CPU s | server CPU s | pgstride ÷ it, wall | CPU, both |",
             "| --- | --- | --- | --- | --- | --- |"]
    for name in names:
        mine = " | " if name == names[0] else " | ".join(
            f"**{statistics.median(take(a) / take(b) for a, b in zip(ours, results[name])):.2f}**"
            for take in (lambda one: one["wall"], lambda one: one["client"] + one["server"]))
        lines.append(f"| {name} | " + " | ".join(
            f"{statistics.median(one[value] for one in results[name]):.2f}"
            for value in ("wall", "client", "server")) + f" | {mine} |")
    text = "\n".join(lines) + "\n"
    print(text)
    pathlib.Path(arguments.page).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
