// Where a row stands in a file, by what the server's COPY says of it.
// PGSTRIDE_TEST_SCALE multiplies the files; PGSTRIDE_TEST_SEED repeats a run.
#include <doctest/doctest.h>

#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "db/format/random_values.hpp"
#include "format/server_lines.hpp"
#include "support/temp_cluster.hpp"

namespace pgstride::format {
namespace {

using test::Random;

long from_environment(const char* name, long otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atol(text);
}

struct File {
  RowDialect dialect;
  std::string options;
  std::string text;
  std::int64_t bad_line = 0;  ///< where the row begins that can't be loaded
  std::int64_t bad_row = 0;   ///< its number, from 0
};

// Of line ends, quotes and escapes that stand within a value.
std::string random_note(Random& random, const RowDialect& dialect) {
  static const std::vector<std::string> csv{"\n", "\r\n", "\r", "a", "b,", ""};
  static const std::vector<std::string> text{"\\\n", "\\\\", "\\n", "a", ","};
  std::string out;
  for (auto parts = random.below(6); parts > 0; --parts) {
    out += random.of(dialect.format == Format::csv ? csv : text);
    if (dialect.format == Format::csv && random.one_in(6)) {
      out += std::string(1, dialect.escape) + "\"";
    }
  }
  return dialect.format == Format::csv && !random.one_in(3) ? "\"" + out + "\""
         : dialect.format == Format::csv                    ? "plain"
                                                            : out;
}

File random_file(Random& random) {
  static const std::vector<File> kinds{
      {{}, "FORMAT csv", "", 0, 0},
      {{Format::csv, ',', '"', '\\'}, "FORMAT csv, ESCAPE '\\'", "", 0, 0},
      {{Format::text, '\t'}, "FORMAT text", "", 0, 0}};
  auto file = random.of(kinds);
  const std::string end = random.one_in(2) ? "\r\n" : "\n";
  const auto rows = 1 + random.below(12);
  file.bad_row = static_cast<std::int64_t>(random.below(rows));
  for (std::uint64_t row = 0; row < rows; ++row) {
    if (static_cast<std::int64_t>(row) == file.bad_row) {
      file.bad_line = 1 + std::count(file.text.begin(), file.text.end(), '\n');
      file.text += "x";
    }
    file.text += std::to_string(row) + file.dialect.delimiter + random_note(random, file.dialect);
    file.text += row + 1 == rows && random.one_in(3) ? "" : end;
  }
  return file;
}

std::optional<std::int64_t> line_that_fails(test::PgSession& session, const File& file) {
  try {
    session.copy_in("COPY t FROM STDIN WITH (" + file.options + ")",
                    [&](const auto& put) { put(file.text); });
  } catch (const std::runtime_error& error) {
    const std::string text = error.what();
    const auto mark = text.find("COPY t, line ");
    return mark == std::string::npos ? std::nullopt
                                     : std::optional(std::stoll(text.substr(mark + 13)));
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("The row that the server means is found, whatever its line ends and what its rows hold") {
  const auto seed = from_environment("PGSTRIDE_TEST_SEED", 1);
  Random random(static_cast<std::uint64_t>(seed));
  auto session = test::shared_cluster().session(test::shared_cluster().create_database("lines"));
  session.exec("CREATE TABLE t (id int, note text)");
  const auto files = 1500 * from_environment("PGSTRIDE_TEST_SCALE", 1);
  for (long i = 0; i < files; ++i) {
    const auto file = random_file(random);
    CAPTURE(seed);
    CAPTURE(file.options);
    CAPTURE(file.text);
    const auto line = line_that_fails(session, file);
    REQUIRE(line);
    ServerLines lines(file.dialect, 100);
    const auto step = 1 + random.below(file.text.size());
    for (std::size_t at = 0; at < file.text.size(); at += step) {
      lines.write(std::string_view(file.text).substr(at, step));
    }
    REQUIRE(lines.line_of(*line) == 100 + file.bad_line);
    REQUIRE(lines.line_of_row(file.bad_row) == 100 + file.bad_line);
  }
}

TEST_CASE("Where carriage returns alone end the rows the server's lines are the file's") {
  auto session = test::shared_cluster().session(test::shared_cluster().create_database("returns"));
  session.exec("CREATE TABLE t (id int, note text)");
  const File file{{}, "FORMAT csv", "1,a\r2,\"b\rc\"\rx,d\r4,e\r", 4, 2};
  const auto line = line_that_fails(session, file);
  REQUIRE(line);
  ServerLines lines(file.dialect, 1);
  lines.write(file.text);
  CHECK(lines.line_of(*line) == 5);
}

}  // namespace pgstride::format
