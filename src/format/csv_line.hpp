// One line of csv, as COPY writes it. Pure; any thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "format/row_reader.hpp"

namespace pgstride::format {

/// The fields with commas between, those that need it in quotes, and a line end. NULL is nothing,
/// an empty text is `""`.
std::string csv_line(std::span<const Field> fields);
std::string csv_line(const std::vector<std::string>& fields);

}  // namespace pgstride::format
