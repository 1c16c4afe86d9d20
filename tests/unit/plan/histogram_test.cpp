#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "plan/bounds_histogram.hpp"

using namespace pgstride::plan;

namespace {

// Items at given numbers; a common value has a part above zero, a probe one below.
Histogram integers(std::vector<std::pair<std::int64_t, double>> values) {
  Histogram histogram;
  histogram.type = "pg_catalog.int8";
  for (const auto& [value, part] : values) {
    HistogramItem item;
    item.value = std::to_string(value);
    item.position = value;
    item.kind = part > 0 ? ItemKind::common : (part < 0 ? ItemKind::probe : ItemKind::bound);
    item.at = std::max(0.0, part);
    histogram.items.push_back(item);
  }
  spread_buckets(histogram);
  return histogram;
}

std::vector<Mark> marks_of(const Histogram& histogram, double rows, double target) {
  std::vector<Mark> marks;
  walk_histogram(histogram, rows, 0, target, [&](Mark mark) { marks.push_back(std::move(mark)); });
  return marks;
}

}  // namespace

TEST_CASE("Bounds lie evenly inside the buckets of a histogram") {
  const auto marks = marks_of(integers({{0, 0}, {1000, 0}, {100000, 0}}), 1000, 250);
  REQUIRE(marks.size() == 3);
  CHECK(marks[0].value.front() == "500");
  CHECK(marks[1].value.front() == "1000");
  CHECK(std::stoll(marks[2].value.front()) == doctest::Approx(50500).epsilon(0.001));
  CHECK(marks[2].before == 750);
}

TEST_CASE("A common value begins a chunk of its own and the next one begins right after it") {
  const auto marks = marks_of(integers({{0, 0}, {7, 0.9}, {1000, 0}}), 1000, 100);
  REQUIRE(marks.size() == 2);
  CHECK(marks[0].value.front() == "7");
  CHECK(marks[0].before == doctest::Approx(1));
  CHECK(marks[1].value.front() == "8");
  CHECK(marks[1].before == doctest::Approx(901).epsilon(0.01));
}

TEST_CASE("Without positions only known values are bounds") {
  auto histogram = integers({{1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 0}});
  histogram.type = "pg_catalog.text";
  for (auto& item : histogram.items) {
    item.position.reset();
  }
  spread_buckets(histogram);
  CHECK_FALSE(fine_enough(histogram, 3));
  CHECK(fine_enough(histogram, 2));
  const auto marks = marks_of(histogram, 1000, 500);
  REQUIRE(marks.size() == 1);
  CHECK(marks[0].value.front() == "3");
}

TEST_CASE("Marks ascend in value and in rows, whatever the histogram") {
  const auto histogram =
      integers({{-50, 0}, {-50, 0.01}, {0, 0}, {1, 0.2}, {2, 0}, {2, 0.3}, {3, 0}, {4000, 0}});
  for (const double target : {1.0, 3.0, 50.0, 333.0, 2000.0}) {
    const auto marks = marks_of(histogram, 1000, target);
    for (std::size_t i = 1; i < marks.size(); ++i) {
      CHECK(marks[i - 1].before <= marks[i].before);
      CHECK(std::stoll(marks[i - 1].value.front()) < std::stoll(marks[i].value.front()));
    }
  }
}

TEST_CASE("Inside a bucket bounds follow the keys of single rows") {
  // All but a tenth of the bucket's rows lie in its first hundredth.
  std::vector<std::pair<std::int64_t, double>> values{{0, 0}};
  for (int i = 1; i <= 9; ++i) {
    values.emplace_back(i * 100, -1);
  }
  values.emplace_back(100000, 0);
  const auto marks = marks_of(integers(values), 1000, 500);
  REQUIRE(marks.size() == 1);
  CHECK(marks[0].value.front() == "500");
}

TEST_CASE("Probes of a common value and outside the histogram are of no account") {
  const auto histogram =
      integers({{-5, -1}, {0, 0}, {7, 0.5}, {7, -1}, {7, -1}, {50, -1}, {100, 0}, {200, -1}});
  REQUIRE(histogram.items.size() == 4);
  CHECK(histogram.items[2].value == "50");
  CHECK(histogram.items[2].after == doctest::Approx(0.25));
}
