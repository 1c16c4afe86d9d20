#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "transfer/batch_size.hpp"
#include "transfer/reject_budget.hpp"
#include "transfer/row_pieces.hpp"

namespace pgstride::transfer {

TEST_CASE("Batches halve down to the least and grow back to the most") {
  BatchSize size(500, 50'000);
  CHECK(size.rows() == 50'000);
  while (size.halve(size.rows())) {
  }
  CHECK(size.rows() == 500);
  for (int i = 0; i < 100; ++i) {
    size.went_well(size.rows());
  }
  CHECK(size.rows() == 50'000);
  CHECK(size.halve(3000));
  CHECK(size.rows() == 1500);
  for (int i = 0; i < 100; ++i) {
    size.went_well(1000);  // says nothing of larger ones
  }
  CHECK(size.rows() == 1500);
  CHECK_FALSE(size.halve(500));
}

TEST_CASE("The reject limit is for all chunks and targets, and what is given up comes back") {
  RejectBudget budget(10, 3);
  CHECK(budget.set(1, 1, 4));
  CHECK(budget.set(1, 2, 3));
  CHECK_FALSE(budget.set(2, 1, 1));
  CHECK_FALSE(budget.set(1, 1, 5));
  CHECK(budget.set(1, 1, 4));  // as before
  CHECK(budget.set(1, 2, 0));
  CHECK(budget.set(2, 1, 3));
  CHECK_FALSE(budget.set(2, 1, 4));
  RejectBudget endless(std::nullopt, 0);
  CHECK(endless.set(1, 1, 1'000'000'000));
}

TEST_CASE("Rows of a file come whole, however its bytes are cut") {
  const std::string text = "1,\"a\nb\"\r\n2,c\r\n3,\"d,\"\"\r\n\"\r\n4,last";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    CAPTURE(piece);
    std::vector<std::string> rows;
    std::vector<std::int64_t> lines;
    RowPieces pieces(
        LoadWay{}, 2, [](std::int64_t row) { return 10 * row; },
        [&](RowBatch& batch) {
          for (std::size_t i = 0; i < batch.rows(); ++i) {
            rows.emplace_back(batch.slice(i, i + 1));
            lines.push_back(batch.line(i));
          }
        });
    for (std::size_t at = 0; at < text.size(); at += piece) {
      pieces.write(std::string_view(text).substr(at, piece));
    }
    pieces.finish();
    CHECK(rows ==
          std::vector<std::string>{"1,\"a\nb\"\n", "2,c\n", "3,\"d,\"\"\r\n\"\n", "4,last\n"});
    CHECK(lines == std::vector<std::int64_t>{0, 10, 20, 30});
  }
}

}  // namespace pgstride::transfer
