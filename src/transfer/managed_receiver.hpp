// The receivers of a CopyManager: they last for several copies, one after the other, and can come
// back after a failure. Thread rule of copy_ends.hpp.
#pragma once

#include <cstdint>
#include <memory>

#include "pgstride/copy_manager.hpp"
#include "transfer/copy_ends.hpp"

namespace pgstride::transfer {

class ManagedReceiver : public CopyReceiver {
 public:
  /// Begins a copy; may wait. Throws Error.
  virtual void start() = 0;
  /// After a failure: true if the copy can go on where pump() threw.
  [[nodiscard]] virtual bool can_go_on() const = 0;
  /// After ended(): what was taken stays. May wait. Throws Error.
  virtual void commit() = 0;
  /// Messages of this copy that it has although it failed.
  [[nodiscard]] virtual std::int64_t kept() const { return 0; }
  /// Rows that the server says it took.
  [[nodiscard]] virtual std::int64_t rows() const { return 0; }
  /// commit() failed, and may have been done all the same.
  [[nodiscard]] virtual bool in_doubt() const { return false; }
};

std::unique_ptr<ManagedReceiver> make_receiver(const Receiver& receiver,
                                               const CopyManagerOptions& options);
std::unique_ptr<ManagedReceiver> make_statement_receiver(const StatementReceiver& receiver,
                                                         const CopyManagerOptions& options);
std::unique_ptr<ManagedReceiver> make_file_receiver(const FileReceiver& receiver);
std::unique_ptr<ManagedReceiver> make_call_receiver(const CallReceiver& receiver);

}  // namespace pgstride::transfer
