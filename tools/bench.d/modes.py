#!/usr/bin/env python3
"""The modes of pgstride copy side by side, in one worker, between two databases of one server.

Called by tools/bench modes, which makes the server (with fsync, as a user has it). The table has 13 columns,
five of them jsonb, and a uuid as its primary key. Each round runs every mode once, in an order that turns by
one from round to round; the median of the rounds is printed. "load" is from the beginning of the first chunk
to the end of the last as `status --chunks` has them: reading, loading, COMMIT. "whole run" is the job's own
time: plan, locks, snapshot, ledger and statistics too. After each run the rows are compared with the source's.

The reference is the rate that another implementation publishes for an upsert of 10,000 such records by one
worker; its machine is not this one.
"""
import argparse
import datetime
import json
import pathlib
import statistics
import subprocess
import tempfile

REFERENCE = 14_706
TABLE = """CREATE TABLE sessions (
  session_id uuid PRIMARY KEY, user_id bigint NOT NULL, status text NOT NULL, title text, agent text,
  context jsonb NOT NULL, messages jsonb NOT NULL, tools jsonb, metrics jsonb NOT NULL, metadata jsonb,
  expires_at timestamptz, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL)"""
FILL = """INSERT INTO sessions SELECT md5(g::text)::uuid, g % 5000, (ARRAY['open', 'done', 'failed'])[g % 3 + 1],
  'session ' || g, 'agent-' || g % 17, jsonb_build_object('locale', 'en', 'ip', '10.0.0.' || g % 250),
  jsonb_build_array(jsonb_build_object('role', 'user', 'text', md5(g::text)),
                    jsonb_build_object('role', 'agent', 'text', repeat(md5((g + 1)::text), 4))),
  jsonb_build_array('search', 'files', g % 9), jsonb_build_object('tokens', g % 4000, 'ms', g * 7 % 9000),
  jsonb_build_object('tags', jsonb_build_array('a', g % 5), 'source', 'bench'),
  '2026-01-01'::timestamptz + g * interval '1 s', '2025-01-01'::timestamptz + g * interval '1 s',
  '2025-06-01'::timestamptz + g * interval '1 s' FROM generate_series(1, {}) g"""
# Name, options, and what the target holds before.
MODES = [
    ("copy, into an empty table", ["--mode", "copy"], "empty"),
    ("insert, into an empty table", ["--mode", "insert"], "empty"),
    ("upsert, all rows new", ["--mode", "upsert"], "empty"),
    ("upsert, all rows there", ["--mode", "upsert"], "full"),
    ("insert --on-conflict ignore, half of the rows there", ["--mode", "insert", "--on-conflict", "ignore"],
     "half"),
]


def sql(database, *statements):
    command = ["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", database]
    for statement in statements:
        command += ["-c", statement]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def prepare(rows, before):
    sql("bench_into", "DROP TABLE IF EXISTS sessions", TABLE)
    count = {"empty": 0, "half": rows // 2, "full": rows}[before]
    if count:
        sql("bench_into", FILL.format(count))
    sql("bench_into", "VACUUM ANALYZE sessions")
    sql("bench_into", "CHECKPOINT")


def digest(database):
    return sql(database, "SELECT count(*), sum(hashtextextended(s::text, 0)) FROM sessions s")


def run(program, rows, options, before):
    """Rows a second: of the load, and of the whole run."""
    prepare(rows, before)
    with tempfile.TemporaryDirectory() as folder:
        job = str(pathlib.Path(folder) / "job")
        done = subprocess.run([program, "copy", "--source", "dbname=bench_from", "--target", "dbname=bench_into",
                               "--job", job, "-j", "1", "--progress", "json", *options],
                              check=True, capture_output=True, text=True)
        summary = json.loads(done.stdout.splitlines()[-1])
        status = json.loads(subprocess.run([program, "status", job, "--json", "--chunks"], check=True,
                                           capture_output=True, text=True).stdout)
    if digest("bench_from") != digest("bench_into"):
        raise SystemExit(f"{options}: the tables differ")
    chunks = status["chunk_list"]
    load = max(instant(c["finished"]) for c in chunks) - min(instant(c["started"]) for c in chunks)
    return rows / load.total_seconds(), rows / summary["seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="pgstride to measure (default: the release preset, built first)")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 200_000], help="(%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="(%(default)s)")
    arguments = parser.parse_args()
    sql("postgres", "CREATE DATABASE bench_from", "CREATE DATABASE bench_into")
    for rows in arguments.rows:
        sql("bench_from", "DROP TABLE IF EXISTS sessions", TABLE, FILL.format(rows))
        sql("bench_from", "VACUUM ANALYZE sessions")
        rates = {name: [] for name, _, _ in MODES}
        for number in range(arguments.rounds):
            turn = number % len(MODES)
            for name, options, before in MODES[turn:] + MODES[:turn]:
                rates[name].append(run(arguments.program, rows, options, before))
        print(f"\n{rows:,} records of 13 columns (5 jsonb), one worker, median of {arguments.rounds} rounds\n")
        print("| mode | load, rows/s | whole run, rows/s | load ÷ reference |")
        print("| --- | ---: | ---: | ---: |")
        for name, of in rates.items():
            load, whole = (statistics.median(rate) for rate in zip(*of))
            print(f"| {name} | {load:,.0f} | {whole:,.0f} | {load / REFERENCE:.2f} |")
        print(f"\nreference: {REFERENCE:,} rows/s for an upsert of 10,000 records", flush=True)


main()
