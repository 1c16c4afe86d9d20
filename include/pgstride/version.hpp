// The version of the library and the program; CMake and tools/lint read it from here.
#pragma once

namespace pgstride {

inline constexpr const char* k_version = "0.1.0";

}  // namespace pgstride
