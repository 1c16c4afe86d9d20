-- The tables of tools/bench export, as in the measurements that the design stands on; :scale is 1 for
-- 10, 4, 0.3 and 0.1 million rows. Ids are dense and in the order of the heap: the easiest case for all.
SELECT setseed(0.42) \g /dev/null
CREATE TABLE narrow (id bigint, customer integer, at timestamptz, note text);
INSERT INTO narrow
SELECT g, (random() * 100000)::integer, timestamptz '2024-01-01 00:00+00' + g * interval '3.141 seconds',
       'note number ' || g % 1000
FROM generate_series(1, (10000000 * :scale)::bigint) g;

CREATE TABLE lineitem (
  id bigint, partkey integer, suppkey integer, quantity numeric(12, 2), price numeric(12, 2),
  discount numeric(4, 2), tax numeric(4, 2), flag char(1), status char(1), shipped date, committed date,
  received date, instruction char(25), mode char(10), comment varchar(44));
INSERT INTO lineitem
SELECT g, (random() * 200000)::integer, (random() * 10000)::integer, (random() * 50)::numeric(12, 2),
       (random() * 100000)::numeric(12, 2), (random() / 10)::numeric(4, 2), (random() / 12)::numeric(4, 2),
       chr(65 + g::integer % 3), chr(78 + g::integer % 2), date '1992-01-01' + (g % 2500)::integer,
       date '1992-01-31' + (g % 2500)::integer, date '1992-02-05' + (g % 2500)::integer,
       (ARRAY['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[1 + g % 4],
       (ARRAY['AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL'])[1 + g % 5], substr(md5(g::text) || md5(g::text), 1, 40)
FROM generate_series(1, (4000000 * :scale)::bigint) g;

CREATE TABLE jsonb (id bigint, body jsonb);
ALTER TABLE jsonb ALTER body SET STORAGE EXTERNAL;
INSERT INTO jsonb
SELECT g, jsonb_build_object('id', g, 'name', 'document ' || g, 'price', g % 1000 + 0.25, 'ok', g % 2 = 0,
         'tags', jsonb_build_array('red', 'green', g % 7), 'text',
         (SELECT string_agg(md5(g::text || i), ' ') FROM generate_series(1, 50) i))
FROM generate_series(1, (300000 * :scale)::bigint) g;

CREATE TABLE bytea (id bigint, data bytea);
ALTER TABLE bytea ALTER data SET STORAGE EXTERNAL;
INSERT INTO bytea
SELECT g, decode((SELECT string_agg(md5(g::text || i), '') FROM generate_series(1, 500) i), 'hex')
FROM generate_series(1, (100000 * :scale)::bigint) g;

ALTER TABLE narrow ADD PRIMARY KEY (id);
ALTER TABLE lineitem ADD PRIMARY KEY (id);
ALTER TABLE jsonb ADD PRIMARY KEY (id);
ALTER TABLE bytea ADD PRIMARY KEY (id);
VACUUM (FREEZE, ANALYZE);
CHECKPOINT;
