// Builds deferred indexes and constraints, several at once. Called from one thread.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "target/deferred.hpp"

namespace pgstride::target {

struct BuildOptions {
  pg::ConnectOptions connect;  ///< of each session; its cancel token stops the whole
  int sessions = 1;
  std::chrono::milliseconds lock_timeout{10'000};  ///< of the brief steps
  int retries = 5;                                 ///< after a lost connection, lock or deadlock
  std::chrono::milliseconds retry_wait{1000};      ///< doubling, with jitter, at most a minute
};

/// A step of an object was done, or failed.
struct Built {
  const DeferredObject* object = nullptr;
  std::string step;  ///< `build`, `attach`, `validate` or `mark`
  double seconds = 0;
  std::string error;   ///< full text; empty if it was done
  bool again = false;  ///< of an error that may pass: it will be tried again
};

/// Builds what is missing of these: indexes of plain tables and partitions side by side, the
/// largest tables first; constraints over them; those of partitioned tables out of their
/// partitions'; foreign keys, checked side by side. Looks at what is there, so that a call after a
/// crash goes on where it was, and a call on finished work does nothing but repeat marks. `told` is
/// called on the calling thread. A failure (a duplicate in a unique key, a row without its referred
/// one) does not keep the rest from being built; returns how many objects failed. Throws Error:
/// connection (for longer than the retries), stopped.
int build_deferred(const BuildOptions& options, const std::vector<DeferredObject>& objects,
                   const std::function<void(const Built&)>& told);

}  // namespace pgstride::target
