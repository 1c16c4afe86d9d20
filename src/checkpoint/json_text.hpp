// The parts of a table or chunk that are kept as JSON: columns, key, bounds, warnings. Texts that
// are not UTF-8 (an SQL_ASCII server has them) come back byte for byte. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pgstride/chunk.hpp"
#include "pgstride/table.hpp"

namespace pgstride::checkpoint {

std::string texts_to_json(const std::vector<std::string>& texts);
std::string columns_to_json(const std::vector<Column>& columns);
std::string key_to_json(const Key& key);

/// These throw std::exception on anything that the functions above did not write.
std::vector<std::string> texts_from_json(std::string_view json);
std::vector<Column> columns_from_json(std::string_view json);
Key key_from_json(std::string_view json);

}  // namespace pgstride::checkpoint
