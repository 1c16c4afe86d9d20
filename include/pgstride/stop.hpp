// How a running job is asked to stop. Both tokens may be triggered from any thread.
#pragma once

#include <stop_token>

namespace pgstride {

/// `drain`: finish the chunks in flight, then pause. `cancel`: cut them short (PQcancel), then
/// pause.
struct StopTokens {
  std::stop_token drain;
  std::stop_token cancel;
};

}  // namespace pgstride
