// One receiver of several that failed while the others go on. A value.
#pragma once

#include <cstddef>

#include "pgstride/error.hpp"

namespace pgstride {

struct Fault {
  std::size_t receiver = 0;  ///< its place among the receivers, from 0
  Error error;
};

}  // namespace pgstride
