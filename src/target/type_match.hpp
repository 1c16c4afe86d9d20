// Whether the text of one type is understood by another: what COPY in text format does with a
// column whose type differs on the target. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "target/types.hpp"

namespace pgstride::target {

enum class TypeFit {
  same,       ///< the same type, as far as its name and OID tell
  lossless,   ///< another type that takes every value as it is
  risky,      ///< takes the values, or some of them, with a change that `effect` names
  impossible  ///< the text of one is not a text of the other
};

struct TypeMatch {
  TypeFit fit = TypeFit::same;
  std::string effect;  ///< of `risky`: what may happen, e.g. `values out of range stop the load`
};

/// Domains count as the type below them.
TypeMatch match_types(const Types& source_types, std::uint32_t source, const Types& target_types,
                      std::uint32_t target);

/// The modifiers of two types as format_type() gives them, `numeric(10,2)` and `numeric(8,2)`:
/// whether each value that fits the one fits the other unchanged. Both of one base type.
TypeMatch match_modifiers(const std::string& source, const std::string& target);

/// A string type with a length: whether it may be too short for `source` (a string type or not).
TypeMatch match_length(const std::string& source, const std::string& target);

}  // namespace pgstride::target
