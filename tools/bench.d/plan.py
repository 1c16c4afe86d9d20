#!/usr/bin/env python3
"""How even the chunks of pgstride plan are, and how long planning takes.

Called by tools/bench plan, which makes the server. Each table is planned into about 64 chunks by bytes;
then the server itself measures each chunk by its own statement: rows, and bytes by pg_column_size of
whole rows. "largest / average" is over the chunks that hold rows. Two lines are of a large table planned
from statistics, and of a schema of many tables; "time" is the program's from start to end.
"""
import argparse
import json
import subprocess
import time

CHUNKS = 64


def sql(statement):
    done = subprocess.run(["psql", "-X", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", statement],
                          check=True, capture_output=True, text=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def skewed_gaps(rows):
    return ("SELECT (sum(least(1e12, ceil(power(1 - random(), -1 / 0.6)))) OVER (ORDER BY g))::bigint, "
            f"repeat('p', 40) FROM generate_series(1, {rows}) g")


def snowflake(rows):
    # 41 bits of milliseconds, 10 of the machine, 12 of a sequence; bursts of a thousand ids in a
    # millisecond and pauses of hours between some of them.
    return ("SELECT ((ms << 22) | ((g % 7) << 12) | (g % 1000)) , repeat('p', 40) FROM "
            "(SELECT g, 1700000000000 + g / 1000 * 50 + (g / 50000) * 7200000 AS ms "
            f"FROM generate_series(1::bigint, {rows}) g) s")


def tables(rows):
    """Name, what it shows, SQL that makes it, further options of plan."""
    plain = "CREATE TABLE {0} (id bigint PRIMARY KEY, pad text); INSERT INTO {0} "
    yield ("uniform", "dense ids", plain + f"SELECT g, repeat('p', 40) FROM generate_series(1, {rows}) g;"
           "VACUUM ANALYZE {0}", [])
    yield ("pareto", "Pareto gaps between ids", plain + skewed_gaps(rows) + "; VACUUM ANALYZE {0}", [])
    yield ("outlier", "dense ids and one of 9e18",
           plain + f"SELECT g, repeat('p', 40) FROM generate_series(1, {rows}) g;"
           "INSERT INTO {0} VALUES (9000000000000000000, 'far'); VACUUM ANALYZE {0}", [])
    yield ("one_value", "90 % of the rows have one value",
           "CREATE TABLE {0} (k int NOT NULL, pad text); CREATE INDEX ON {0} (k); INSERT INTO {0} "
           "SELECT CASE WHEN random() < 0.9 THEN 500000 ELSE (random() * 1000000)::int END, "
           f"repeat('p', 40) FROM generate_series(1, {rows}) g; VACUUM ANALYZE {{0}}",
           ["--key", "{0}:k"])
    yield ("snowflake", "snowflake ids in bursts", plain + snowflake(rows) + "; VACUUM ANALYZE {0}", [])
    yield ("lognormal", "log-normal row widths", plain +
           "SELECT g, repeat('p', least(100000, exp(4 + 1.2 * sqrt(-2 * ln(1 - random())) * "
           f"cos(2 * pi() * random())))::int) FROM generate_series(1, {rows}) g; VACUUM ANALYZE {{0}}",
           [])
    yield ("doubled", "doubled since ANALYZE", plain +
           f"SELECT g, repeat('p', 40) FROM generate_series(1, {rows // 2}) g; VACUUM ANALYZE {{0}};"
           f"INSERT INTO {{0}} SELECT g, repeat('p', 40) FROM generate_series({rows // 2 + 1}, {rows}) g", [])
    yield ("deleted", "99 % of the ids deleted", plain +
           f"SELECT g, repeat('p', 40) FROM generate_series(1, {rows}) g; ANALYZE {{0}};"
           "DELETE FROM {0} WHERE id % 100 <> 0 OR id % 7000 > 3000; VACUUM {0}", [])
    yield ("uuids", "random uuids as text, a collation of ICU", "CREATE TABLE {0} "
           "(id text COLLATE \"en-x-icu\" PRIMARY KEY, pad text); INSERT INTO {0} SELECT gen_random_uuid(), "
           f"repeat('p', 40) FROM generate_series(1, {rows}) g; VACUUM ANALYZE {{0}}", [])
    yield ("pages", "no key: by ctid", "CREATE TABLE {0} (id bigint, pad text); INSERT INTO {0} "
           f"SELECT g, repeat('p', 40) FROM generate_series(1, {rows}) g; VACUUM ANALYZE {{0}}", [])


def plan(program, arguments):
    start = time.monotonic()
    done = subprocess.run([program, "plan", "--json", *arguments], check=True, capture_output=True, text=True)
    return json.loads(done.stdout), time.monotonic() - start


def measured(statements):
    """Rows and bytes of each chunk, by the server."""
    parts = []
    for at in range(0, len(statements), 50):
        parts += sql(" UNION ALL ".join(
            f"(SELECT count(*), coalesce(sum(pg_column_size(q.*)), 0) FROM ({one}) q)"
            for one in statements[at:at + 50]))
    return [(int(rows), int(size)) for rows, size in parts]


def line(name, what, planned, seconds, total_rows, most=1.3):
    table = planned["tables"][0]
    parts = measured(table["sql"])
    if sum(rows for rows, _ in parts) != total_rows:
        raise SystemExit(f"{name}: the chunks hold {sum(r for r, _ in parts)} of {total_rows} rows")
    sizes = [size for _, size in parts if size > 0]
    ratio = max(sizes) / (sum(sizes) / len(sizes))
    key = ", ".join(table["key"]) if isinstance(table["key"], list) else (table["key"] or "ctid")
    print(f"| {what} | {key} | {len(parts)} | {total_rows:,} | {ratio:.2f} | {seconds * 1000:.0f} ms |",
          flush=True)
    return [] if ratio <= most else [f"{name}: {ratio:.2f} > {most}"]


def evenness(program, rows, only):
    wrong = []
    for name, what, setup, options in tables(rows):
        if only and name not in only:
            continue
        run_setup(setup.format(name))
        size = int(sql("SELECT pg_relation_size(oid) + CASE WHEN reltoastrelid = 0 THEN 0 ELSE "
                       f"pg_relation_size(reltoastrelid) END FROM pg_class WHERE relname = '{name}'")[0][0])
        total = int(sql(f"SELECT count(*) FROM {name}")[0][0])
        arguments = ["-t", name, "--sql", "--chunk-size", f"{-(-size // CHUNKS)}B"]
        planned, seconds = plan(program, arguments + [o.format(name) for o in options])
        wrong += line(name, what, planned, seconds, total)
        sql(f"DROP TABLE {name}")
    return wrong


def run_setup(text):
    """One statement at a time: VACUUM can't be part of several."""
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1"], check=True, text=True, capture_output=True,
                   input="SELECT setseed(0.42);\n" + text.replace(";", ";\n") + ";\n")


def large(program, rows):
    run_setup("CREATE TABLE large (id bigint PRIMARY KEY, pad text); INSERT INTO large "
              f"SELECT g * 3, repeat('p', 40) FROM generate_series(1::bigint, {rows}) g; VACUUM ANALYZE large")
    size = int(sql("SELECT pg_relation_size('large')")[0][0])
    arguments = ["-t", "large", "--chunk-size", f"{-(-size // CHUNKS)}B"]
    best = min(plan(program, arguments)[1] for _ in range(5))
    planned, _ = plan(program, arguments + ["--sql"])
    return line("large", "a large table, from statistics", planned, best, rows)


def many(program, count):
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", "CREATE SCHEMA many", "-c",
                    f"""DO $$ BEGIN FOR i IN 1..{count} LOOP
                        EXECUTE format('CREATE TABLE many.t%s (id bigint PRIMARY KEY, v text)', i);
                        IF i % 500 = 0 THEN COMMIT; END IF;
                        END LOOP; END $$"""], check=True, capture_output=True, text=True)
    sql("VACUUM ANALYZE pg_class")
    for name in ("pg_attribute", "pg_index", "pg_depend"):
        sql(f"VACUUM ANALYZE {name}")
    times = sorted(plan(program, ["-n", "many"])[1] for _ in range(3))
    print(f"\n{count:,} tables: {times[0]:.2f} s to {times[-1]:.2f} s (three runs)")
    return [] if times[0] < 3 else [f"{count} tables took {times[0]:.1f} s"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="pgstride to measure (default: the release preset, built first)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of each table (%(default)s)")
    parser.add_argument("--only", nargs="*", default=[], help="names of tables: only these")
    parser.add_argument("--large-rows", type=int, default=10_000_000, help="0: leave it out (%(default)s)")
    parser.add_argument("--tables", type=int, default=20_000, help="0: leave it out (%(default)s)")
    arguments = parser.parse_args()
    print("| table | key | chunks | rows | largest ÷ average, by bytes | time |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    wrong = evenness(arguments.program, arguments.rows, arguments.only)
    if arguments.large_rows:
        wrong += large(arguments.program, arguments.large_rows)
    if arguments.tables:
        wrong += many(arguments.program, arguments.tables)
    for text in wrong:
        print("over the limit: " + text)
    raise SystemExit(1 if wrong else 0)


main()
