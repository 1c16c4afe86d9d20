#include <libpq-fe.h>

#include <charconv>
#include <cstdlib>

#include "pg/connection.hpp"

namespace pgstride::pg {

void Result::Clear::operator()(pg_result* result) const {
  PQclear(result);
}

int Result::rows() const {
  return PQntuples(m_result.get());
}

int Result::columns() const {
  return PQnfields(m_result.get());
}

bool Result::is_null(int row, int column) const {
  return PQgetisnull(m_result.get(), row, column) != 0;
}

std::string_view Result::get(int row, int column) const {
  const char* value = PQgetvalue(m_result.get(), row, column);
  if (value == nullptr) {
    throw Error(ErrorKind::internal, "a query's result has fewer rows or columns than expected");
  }
  return {value, static_cast<std::size_t>(PQgetlength(m_result.get(), row, column))};
}

std::optional<std::string> Result::optional(int row, int column) const {
  if (is_null(row, column)) {
    return std::nullopt;
  }
  return text(row, column);
}

std::int64_t Result::int64(int row, int column) const {
  const auto value = get(row, column);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size()) {
    throw Error(ErrorKind::internal,
                "the server sent \"" + std::string(value) + "\" for an integer");
  }
  return number;
}

double Result::number(int row, int column) const {
  return std::strtod(PQgetvalue(m_result.get(), row, column), nullptr);
}

std::int64_t Result::affected() const {
  const char* tuples = PQcmdTuples(m_result.get());
  return tuples == nullptr ? 0 : std::strtoll(tuples, nullptr, 10);
}

}  // namespace pgstride::pg
