// libFuzzer: whatever bytes come, the decoder of the change stream gives a message or an Error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "handoff/pgoutput.hpp"
#include "pgstride/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    pgstride::handoff::decode_pgoutput({reinterpret_cast<const char*>(data), size});
  } catch (const pgstride::Error&) {
    return 0;
  }
  return 0;
}
