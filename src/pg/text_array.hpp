// Arrays as parameters of a query, and out of its rows. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgstride::pg {

/// `{1,2,3}`.
std::string array_text(const std::vector<std::uint32_t>& values);
/// `{"a","b\"c"}`.
std::string array_text(const std::vector<std::string>& values);
/// The elements of a one-dimensional array of numbers: `{1,2,3}`.
std::vector<std::int64_t> numbers_of(std::string_view array);

}  // namespace pgstride::pg
