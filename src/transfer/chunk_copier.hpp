// How a worker gets a chunk from its source to its targets: one class for each kind of way. An
// object belongs to one worker's thread.
#pragma once

#include <vector>

#include "pgstride/error.hpp"
#include "transfer/task.hpp"

namespace pgstride::transfer {

class ChunkCopier {
 public:
  virtual ~ChunkCopier() = default;

  /// One attempt to bring a chunk to the targets named in `open`: each has its outcome set to done,
  /// or its error set. Throws Error where the chunk can't be read: that holds for all of them.
  virtual void copy(const CopyTask& task, const std::vector<TargetOutcome*>& open) = 0;

  /// True once the source's snapshot can't be had any more: what failed then is to be read again
  /// under another.
  [[nodiscard]] virtual bool source_lost() const = 0;

  /// After copy() threw: nothing of the attempt is left over.
  virtual void reset(const Error& error) noexcept = 0;
};

}  // namespace pgstride::transfer
