// Key types of all kinds with random values, for property tests.
#pragma once

#include <string>
#include <vector>

namespace pgstride::test {

struct KeyType {
  std::string name;       ///< for messages and table names
  std::string type;       ///< of the column, with COLLATE if it has one
  std::string random;     ///< an expression of a random value; `i` is a random integer below 10^6
  std::string extremes;   ///< comma-separated values at the ends of the order
  std::string extension;  ///< needed by it, or empty
};

/// All types but those that need an extension when there is none.
std::vector<KeyType> key_types(bool with_citext);

/// Extensions, collations, enums and domains, as SQL.
std::string prepare_types_sql(bool with_citext);

}  // namespace pgstride::test
