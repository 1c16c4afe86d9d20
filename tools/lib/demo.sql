-- The tables of tools/demo: of every kind that an export meets. :rows is the size of the largest.
SELECT setseed(0.42) \g /dev/null
CREATE SCHEMA shop;

-- bigint ids with gaps and a skew: a sparse early tenth, a dense rest, a hole where an old batch was
-- deleted, and one id from another world.
CREATE TABLE shop.orders (
  id bigint, customer_id integer NOT NULL, status text NOT NULL, amount numeric(12, 2) NOT NULL,
  placed_at timestamptz NOT NULL, note text);
INSERT INTO shop.orders
SELECT CASE WHEN g <= :rows / 10 THEN g * 997 ELSE :rows::bigint * 200 + g END,
       (random() ^ 3 * 100000)::integer,
       (ARRAY['new', 'paid', 'sent', 'returned'])[1 + g % 4], (random() * 900)::numeric(12, 2),
       timestamptz '2023-01-01 00:00+00' + g * interval '17 seconds',
       CASE g % 7 WHEN 0 THEN 'gift, "please wrap"' WHEN 1 THEN E'two\nlines' WHEN 2 THEN '' END
FROM generate_series(1, :rows) g
WHERE g NOT BETWEEN :rows * 4 / 10 AND :rows * 43 / 100;
INSERT INTO shop.orders VALUES (9000000000000000000, 1, 'new', 1, '2026-01-01 00:00+00', 'far away');
ALTER TABLE shop.orders ADD PRIMARY KEY (id);

-- Keyed by time.
CREATE TABLE shop.events (at timestamptz NOT NULL, device integer NOT NULL, kind text, value float8);
INSERT INTO shop.events
SELECT timestamptz '2025-01-01 00:00+00' + g * interval '1.7 seconds', g % 500,
       'kind ' || g % 11, random() * 100
FROM generate_series(1, :rows / 2) g;
CREATE UNIQUE INDEX events_key ON shop.events (at, device);

-- Documents of which a part is stored out of line (TOAST).
CREATE TABLE shop.documents (id bigint, body jsonb NOT NULL);
INSERT INTO shop.documents
SELECT g, jsonb_build_object('id', g, 'name', 'document ' || g, 'tags', jsonb_build_array(g % 3, g % 5),
         'text', (SELECT string_agg(md5(g::text || i), ' ') FROM generate_series(1, 20 + g % 120) i))
FROM generate_series(1, :rows / 200) g;
ALTER TABLE shop.documents ADD PRIMARY KEY (id);

-- No key at all: cut by ctid.
CREATE TABLE shop.log_lines (at timestamptz, line text);
INSERT INTO shop.log_lines
SELECT timestamptz '2025-03-01 00:00+00' + g * interval '3 seconds', 'GET /item/' || g % 5000 || ' 200'
FROM generate_series(1, :rows / 3) g;

-- Partitioned by month; one partition stays empty.
CREATE TABLE shop.measurements (
  id bigint, taken date, sensor integer, reading numeric, PRIMARY KEY (id, taken))
  PARTITION BY RANGE (taken);
SELECT format('CREATE TABLE shop.measurements_%s PARTITION OF shop.measurements
               FOR VALUES FROM (%L) TO (%L)', to_char(m, 'YYYY_MM'), m::date,
              (m + interval '1 month')::date)
FROM generate_series(timestamp '2025-01-01', timestamp '2025-07-01', '1 month') m \gexec
INSERT INTO shop.measurements
SELECT g, date '2025-01-01' + (g % 181)::integer, g % 40, round((random() * 50)::numeric, 3)
FROM generate_series(1, :rows / 5) g;
ANALYZE;
