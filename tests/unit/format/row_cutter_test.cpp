// Wherever a file is cut, the pieces hold the rows of the whole, and lines are counted as an editor
// counts them.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "format/row_cutter.hpp"
#include "format/row_reader.hpp"

using namespace pgstride;
using namespace pgstride::format;

namespace {

using Rows = std::vector<std::vector<std::string>>;

Rows rows_of(std::string_view text, Format format) {
  Rows rows;
  RowFormat shape;
  shape.format = format;
  shape.delimiter = format == Format::csv ? ',' : '\t';
  shape.null = "\\N";
  shape.columns = 2;
  const auto reader = make_row_reader(shape, [&](std::span<const Field> fields) {
    auto& row = rows.emplace_back();
    for (const auto& field : fields) {
      row.emplace_back(field.value_or("NULL"));
    }
  });
  reader->write(text);
  reader->finish();
  return rows;
}

std::vector<RowCut> cuts_of(const std::string& text, const RowDialect& dialect, std::int64_t bytes,
                            std::size_t step) {
  std::vector<RowCut> cuts;
  RowCutter cutter(dialect, {}, bytes);
  for (std::size_t at = 0; at < text.size(); at += step) {
    cutter.write(std::string_view(text).substr(at, step),
                 [&](const RowCut& cut) { cuts.push_back(cut); });
  }
  CHECK_FALSE(cutter.in_quotes());
  return cuts;
}

std::string random_csv(std::mt19937_64& random) {
  static const std::vector<std::string> values{
      "a", "\"\"", "\"x\"\"y\"", "\"line\nline\"", "\"\"\"\"", "\"\n\n\"", "plain", "\"a,b\r\n\""};
  std::string text;
  for (int i = 0; i < 60; ++i) {
    text += values[random() % values.size()] + "," + values[random() % values.size()] + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("Pieces of a csv file hold the rows of the whole, however small and however it is read") {
  std::mt19937_64 random(1);
  for (int trial = 0; trial < 200; ++trial) {
    const auto text = random_csv(random);
    const auto bytes = static_cast<std::int64_t>(random() % 40);
    const auto cuts = cuts_of(text, {}, bytes, 1 + random() % 30);
    Rows pieces;
    std::int64_t from = 0;
    auto ends = cuts;
    ends.push_back({static_cast<std::int64_t>(text.size()), 0});
    for (const auto& cut : ends) {
      const auto piece =
          text.substr(static_cast<std::size_t>(from), static_cast<std::size_t>(cut.offset - from));
      for (auto& row : rows_of(piece, Format::csv)) {
        pieces.push_back(std::move(row));
      }
      from = cut.offset;
    }
    CHECK(pieces == rows_of(text, Format::csv));
    for (const auto& cut : cuts) {
      CHECK(cut.lines == std::count(text.begin(), text.begin() + cut.offset, '\n'));
    }
  }
}

TEST_CASE("An escape of its own keeps a quote from closing") {
  RowDialect dialect;
  dialect.escape = '\\';
  const std::string text = "a,\"x\\\"\ny\"\nb,\"c\\\\\"\n";
  for (const std::int64_t bytes : {0, 1, 3, 5}) {
    for (const std::size_t step : {1U, 2U, 100U}) {
      const auto cuts = cuts_of(text, dialect, bytes, step);
      REQUIRE_FALSE(cuts.empty());
      CHECK(cuts.front().offset == 10);
      CHECK(cuts.front().lines == 2);
    }
  }
}

TEST_CASE("A line end behind a backslash is no end of a text row") {
  const RowDialect dialect{Format::text, '\t'};
  const std::string text = "a\tx\\\ny\nb\tz\n";
  for (const std::size_t step : {1U, 2U, 100U}) {
    const auto cuts = cuts_of(text, dialect, 4, step);
    REQUIRE(cuts.size() == 2);
    CHECK(cuts[0].offset == 7);
  }
}

TEST_CASE("A quote that is never closed is seen at the end") {
  RowCutter cutter({}, {}, 2);
  cutter.write("a,b\nc,\"d\n", [](const RowCut& /*cut*/) {});
  CHECK(cutter.in_quotes());
}

TEST_CASE("The names of a header are read as its values are") {
  CHECK(header_names({}, "id,\"a,b\",\"c\"\"d\"\r\n") ==
        std::vector<std::string>{"id", "a,b", "c\"d"});
  CHECK(header_names({Format::csv, ';', '\'', '\\'}, "'x;\\'y';z") ==
        std::vector<std::string>{"x;'y", "z"});
  CHECK(header_names({Format::text, '\t'}, "a\tb\\\tc\n") == std::vector<std::string>{"a", "b\tc"});
}
