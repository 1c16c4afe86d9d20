// What stands behind a CopyManager. Belongs to one thread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "pgstride/copy_manager.hpp"
#include "transfer/copy_source.hpp"
#include "transfer/fan_out.hpp"
#include "transfer/managed_receiver.hpp"

namespace pgstride {

/// All copies of a manager, one at a time. Receivers are numbered as the user numbers them; the
/// fan-out of the present copy numbers its members.
class CopyManager::Copies {
 public:
  Copies(Producer producer, const std::vector<Receiver>& receivers, CopyManagerOptions options);
  Copies(const Copies&) = delete;
  Copies& operator=(const Copies&) = delete;
  ~Copies() { abandon(); }

  std::optional<CopyProgress> next();
  Reconciled reconcile(std::size_t number);
  void start(Producer producer, std::vector<std::size_t> members);
  void abandon() noexcept;

  [[nodiscard]] std::size_t receivers() const { return m_receivers.size(); }
  [[nodiscard]] ReceiverProgress receiver(std::size_t number) const;
  [[nodiscard]] const transfer::FanOut* fan() const { return m_fan ? &*m_fan : nullptr; }

 private:
  enum class Stage { ready, running, over, abandoned };
  enum class Standing { able, failed, rejoins };  ///< `rejoins`: reconciled for the next copy

  [[nodiscard]] std::vector<std::size_t> able_members() const;
  void begin();
  void commit();
  std::vector<Fault> take_faults();
  [[noreturn]] void fail_for_want_of_receivers();
  [[nodiscard]] std::optional<std::size_t> member(std::size_t number) const;
  void check(std::size_t number) const;

  CopyManagerOptions m_options;
  Producer m_producer;
  std::vector<std::unique_ptr<transfer::ManagedReceiver>> m_receivers;
  std::vector<Standing> m_standings;
  bool m_wants_messages = false;
  Stage m_stage = Stage::ready;
  std::vector<std::size_t> m_members;  ///< receivers of the present copy
  transfer::CopySource m_source;
  std::optional<transfer::FanOut> m_fan;
};

}  // namespace pgstride
