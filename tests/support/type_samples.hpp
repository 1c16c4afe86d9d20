// Values of built-in types, with extremes, as text. Constants.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace pgstride::test {

/// Of each built-in type that may go as binary between servers.
const std::map<std::string, std::vector<std::string>>& binary_samples();
/// Of those that may not: they name objects of their server, depend on its locale, or have no
/// binary form that it takes back.
const std::map<std::string, std::vector<std::string>>& text_samples();

}  // namespace pgstride::test
