#include "plan/bounds_file.hpp"

#include <fstream>

#include <fmt/format.h>

#include "pg/text_array.hpp"
#include "plan/key_sql.hpp"

namespace pgstride::plan {

namespace {

constexpr std::size_t k_batch = 2000;  // lines checked by one query

std::ifstream open_bounds(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    throw Error(ErrorKind::usage, fmt::format("can't read the bounds file \"{}\"", file.string()),
                "--bounds TABLE:FILE names a file with one bound a line, ascending");
  }
  return stream;
}

// Every value cast by the server; true where one is not above its predecessor.
std::string check_sql(const Key& key) {
  std::string columns;
  std::string arrays;
  Key present;
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    const auto* comma = i == 0 ? "" : ", ";
    columns += fmt::format("{}v{}::{} AS k{}", comma, i + 1, key.columns[i].type, i + 1);
    arrays += fmt::format("{}pg_catalog.unnest(${}::pg_catalog.text[])", comma, i + 1);
    present.columns.push_back(key.columns[i]);
    present.columns.back().name = fmt::format("k{}", i + 1);
  }
  std::string names;
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    names += fmt::format("{}v{}", i == 0 ? "" : ", ", i + 1);
  }
  return fmt::format(R"sql(
    SELECT {0}, coalesce(pg_catalog.lag(r) OVER (ORDER BY n) >= r, false)
    FROM (SELECT {0}, n, pg_catalog.rank() OVER (ORDER BY {1}) AS r
          FROM (SELECT {2}, n FROM ROWS FROM ({3}) WITH ORDINALITY AS b ({4}, n)) AS bounds)
      AS ranked
    ORDER BY n
  )sql",
                     key_aliases(key), key_order(present), columns, arrays, names);
}

/// Lines gathered until they are checked together with the last one of the batch before.
class Checker {
 public:
  Checker(pg::Connection& connection, const Table& table, const std::filesystem::path& file,
          const std::function<void(KeyValue)>& sink)
      : m_connection(connection), m_table(table), m_file(file), m_sink(sink),
        m_columns(table.key->columns.size()) {}

  void line(const std::string& text) {
    ++m_line;
    const auto n = m_table.key->columns.size();
    auto value = n == 1 ? KeyValue{text} : row(text, n);
    for (std::size_t i = 0; i < n; ++i) {
      m_columns[i].push_back(std::move(value[i]));
    }
    if (m_columns.front().size() >= k_batch) {
      flush();
    }
  }

  void flush() {
    const auto n = static_cast<int>(m_columns.size());
    const auto size = m_columns.front().size();
    if (size == (m_carried ? 1U : 0U)) {
      return;
    }
    std::vector<pg::Param> parameters;
    for (const auto& column : m_columns) {
      parameters.emplace_back(pg::array_text(column));
    }
    const auto first_line = m_line - static_cast<std::int64_t>(size) + 1;
    const auto result = checked(parameters, first_line);
    std::vector<std::string> last;
    for (int row = 0; row < result.rows(); ++row) {
      if (result.boolean(row, n)) {
        refuse(first_line + row, "is not above the line before it");
      }
      KeyValue value;
      for (int column = 0; column < n; ++column) {
        value.push_back(result.text(row, column));
      }
      last = value;
      if (row > 0 || !m_carried) {
        m_sink(std::move(value));
      }
    }
    for (std::size_t i = 0; i < m_columns.size(); ++i) {
      m_columns[i] = {last[i]};
    }
    m_carried = true;
  }

 private:
  KeyValue row(const std::string& text, std::size_t n) const {
    try {
      return parse_row(text, n);
    } catch (const Error& error) {
      refuse(m_line, error.what());
    }
  }

  pg::Result checked(const std::vector<pg::Param>& parameters, std::int64_t first_line) {
    try {
      return m_connection.query(check_sql(*m_table.key), parameters);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::server) {
        throw;
      }
      if (!m_connection.in_transaction()) {
        find_bad_line(first_line);
      }
      throw Error(ErrorKind::usage,
                  fmt::format("bounds file \"{}\": {}", m_file.string(), error.what()));
    }
  }

  // The server names the value, not the line: the lines are tried one by one.
  void find_bad_line(std::int64_t first_line) {
    for (std::size_t i = 0; i < m_columns.front().size(); ++i) {
      std::vector<pg::Param> one;
      for (const auto& column : m_columns) {
        one.emplace_back(pg::array_text(std::vector<std::string>{column[i]}));
      }
      try {
        m_connection.query(check_sql(*m_table.key), one);
      } catch (const Error& error) {
        refuse(first_line + static_cast<std::int64_t>(i), error.what());
      }
    }
  }

  [[noreturn]] void refuse(std::int64_t line, const std::string& why) const {
    throw Error(ErrorKind::usage,
                fmt::format("bounds file \"{}\", line {}: {}", m_file.string(), line, why),
                fmt::format("the file has one inner bound of table {} a line, ascending in the "
                            "order of its key",
                            m_table.display_name()));
  }

  pg::Connection& m_connection;
  const Table& m_table;
  const std::filesystem::path& m_file;
  const std::function<void(KeyValue)>& m_sink;
  std::vector<std::vector<std::string>> m_columns;
  std::int64_t m_line = 0;
  bool m_carried = false;  ///< the first value is the last of the batch before
};

}  // namespace

std::int64_t count_bounds(const std::filesystem::path& file) {
  auto stream = open_bounds(file);
  std::int64_t lines = 0;
  for (std::string line; std::getline(stream, line);) {
    ++lines;
  }
  if (lines == 0) {
    throw Error(ErrorKind::usage, fmt::format("the bounds file \"{}\" is empty", file.string()),
                "it has one inner bound a line; --split none makes one chunk of each table");
  }
  return lines;
}

void for_each_bound(pg::Connection& connection, const Table& table,
                    const std::filesystem::path& file, const std::function<void(KeyValue)>& sink) {
  auto stream = open_bounds(file);
  Checker checker(connection, table, file, sink);
  for (std::string line; std::getline(stream, line);) {
    checker.line(line);
  }
  checker.flush();
}

KeyValue parse_row(const std::string& line, std::size_t fields) {
  const auto bad = [&] {
    return Error(ErrorKind::usage, fmt::format("\"{}\" is not a row of {} values", line, fields));
  };
  if (line.size() < 2 || line.front() != '(' || line.back() != ')') {
    throw bad();
  }
  KeyValue values(1);
  bool quoted = false;
  bool given = false;  // an empty field without quotes is NULL, which no bound can be
  for (std::size_t i = 1; i + 1 < line.size(); ++i) {
    const char c = line[i];
    if (c == '"') {
      if (quoted && line[i + 1] == '"') {
        values.back() += '"';
        ++i;
      } else {
        quoted = !quoted;
        given = true;
      }
    } else if (c == '\\' && i + 2 < line.size()) {
      values.back() += line[++i];
    } else if (c == ',' && !quoted) {
      if (!given && values.back().empty()) {
        throw bad();
      }
      values.emplace_back();
      given = false;
    } else {
      values.back() += c;
    }
  }
  if (quoted || values.size() != fields || (!given && values.back().empty())) {
    throw bad();
  }
  return values;
}

}  // namespace pgstride::plan
