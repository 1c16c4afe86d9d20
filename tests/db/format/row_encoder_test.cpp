// What we make of COPY's binary form against what the server's own COPY writes of the same rows.
// PGSTRIDE_TEST_SCALE multiplies the rows; PGSTRIDE_TEST_SEED repeats a run.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>

#include "db/format/random_values.hpp"
#include "format/row_encoder.hpp"
#include "support/temp_cluster.hpp"

namespace pgstride::format {
namespace {

using test::big_endian_bytes;

long from_environment(const char* name, long otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atol(text);
}

const char* const k_settings =
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';"
    "SET extra_float_digits = 3; SET bytea_output = 'hex'; SET client_encoding = 'UTF8'";

struct Variant {
  std::string options;
  Format format = Format::csv;
  char delimiter = ',';
  std::string null;
};

// The usual ones, and those whose delimiter or null string stands in printed numbers and times.
std::vector<Variant> variants() {
  return {{"FORMAT csv", Format::csv, ',', ""},
          {"FORMAT csv, DELIMITER ';', NULL 'NULL'", Format::csv, ';', "NULL"},
          {"FORMAT csv, DELIMITER '-', NULL '0'", Format::csv, '-', "0"},
          {"FORMAT csv, DELIMITER ':', NULL 't'", Format::csv, ':', "t"},
          {"FORMAT csv, DELIMITER '1', NULL 'NaN'", Format::csv, '1', "NaN"},
          {"FORMAT csv, DELIMITER E'\\x01', NULL E'\\\\N'", Format::csv, '\x01', "\\N"},
          {"FORMAT text", Format::text, '\t', "\\N"},
          {"FORMAT text, DELIMITER ',', NULL ''", Format::text, ',', ""},
          {"FORMAT text, DELIMITER '-', NULL '0'", Format::text, '-', "0"},
          {"FORMAT text, DELIMITER E'\\x0e'", Format::text, '\x0e', "\\N"}};
}

template <typename Block>
std::string encoded(const std::string& binary, const Variant& variant,
                    const std::vector<ColumnKind>& kinds) {
  RowFormat format;
  format.format = variant.format;
  format.delimiter = variant.delimiter;
  format.null = variant.null;
  RowEncoder encoder({format, kinds}, field_writer<Block>(format.format));
  ByteBuffer out;
  encoder.append(binary, out);
  encoder.finish();
  return std::string(out.view());
}

void check_same(const std::string& ours, const std::string& servers) {
  if (ours == servers) {
    CHECK(true);
    return;
  }
  const auto size = std::min(ours.size(), servers.size());
  std::size_t at = 0;
  while (at < size && ours[at] == servers[at]) {
    ++at;
  }
  const auto from = at < 60 ? 0 : at - 60;
  FAIL_CHECK("they differ at byte ", at, "\nours:     ", ours.substr(from, 120),
             "\nserver's: ", servers.substr(from, 120));
}

void check_query(test::PgSession& session, const std::string& query,
                 const std::vector<ColumnKind>& kinds) {
  const auto binary = session.copy_out("COPY (" + query + ") TO STDOUT WITH (FORMAT binary)");
  for (const auto& variant : variants()) {
    CAPTURE(query);
    CAPTURE(variant.options);
    const auto servers =
        session.copy_out("COPY (" + query + ") TO STDOUT WITH (" + variant.options + ")");
    check_same(encoded<FastBlock>(binary, variant, kinds), servers);
    check_same(encoded<PortableBlock>(binary, variant, kinds), servers);
  }
}

std::string field(const std::string& bytes) {
  return big_endian_bytes(bytes.size(), 4) + bytes;
}

// A table of random values and arrays of them, filled by COPY's binary form itself.
void fill(test::PgSession& session, const test::RandomType& type, long rows, test::Random& random) {
  const auto oids = session.rows("SELECT oid, typarray FROM pg_type WHERE typname = '" + type.name +
                                 "' AND typnamespace = 'pg_catalog'::regnamespace");
  const auto element = static_cast<std::uint32_t>(std::stoul(*oids.at(0).at(0)));
  session.exec("DROP TABLE IF EXISTS v; CREATE UNLOGGED TABLE v (v pg_catalog." + type.name +
               ", a pg_catalog." + type.name + "[])");
  session.copy_in("COPY v FROM STDIN WITH (FORMAT binary)", [&](const auto& put) {
    put(std::string("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19));
    std::string batch;
    for (long row = 0; row < rows; ++row) {
      batch += big_endian_bytes(2, 2);
      batch += random.one_in(20) ? "\377\377\377\377" : field(type.value(random));
      batch +=
          random.one_in(2) ? "\377\377\377\377" : field(test::random_array(random, type, element));
      if (batch.size() > 100'000) {
        put(batch);
        batch.clear();
      }
    }
    put(batch + "\377\377");
  });
}

}  // namespace

TEST_CASE("Random values of every type are formatted as the server formats them") {
  auto session = test::shared_cluster().session();
  session.exec(k_settings);
  const long rows = 2000 * from_environment("PGSTRIDE_TEST_SCALE", 1);
  const auto seed = static_cast<std::uint64_t>(
      from_environment("PGSTRIDE_TEST_SEED", static_cast<long>(std::random_device()())));
  INFO("PGSTRIDE_TEST_SEED=", seed);
  test::Random random(seed);
  for (const auto& type : test::random_types(test::shared_cluster().major_version())) {
    CAPTURE(type.name);
    fill(session, type, rows, random);
    const ColumnKind scalar{type.kind, false};
    const ColumnKind array{type.kind, true};
    check_query(session, "SELECT v, a, v FROM v", {scalar, array, scalar});
    check_query(session, "SELECT v FROM v", {scalar});
    check_query(session, "SELECT a FROM v", {array});
  }
}

TEST_CASE("Rows without columns, and no rows at all, are formatted as the server formats them") {
  auto session = test::shared_cluster().session();
  check_query(session, "SELECT FROM generate_series(1, 3)", {});
  check_query(session, "SELECT 1 WHERE false", {{ValueKind::int4}});
}

TEST_CASE("A row of a hundred megabytes is formatted as the server formats it") {
  auto session = test::shared_cluster().session();
  const std::string query = "SELECT repeat(E'plain \\\\ text,', 7000000), "
                            "decode(repeat('00ff5c22', 5000000), 'hex')";
  const auto binary = session.copy_out("COPY (" + query + ") TO STDOUT WITH (FORMAT binary)");
  for (const auto& variant : {variants().front(), variants()[6]}) {
    CAPTURE(variant.options);
    check_same(encoded<FastBlock>(binary, variant, {{ValueKind::text}, {ValueKind::bytea}}),
               session.copy_out("COPY (" + query + ") TO STDOUT WITH (" + variant.options + ")"));
  }
}

}  // namespace pgstride::format
