#include "pgstride/copy_manager.hpp"

#include <utility>

#include "transfer/copies.hpp"

namespace pgstride {

CopyManager::CopyManager(Producer producer, const std::vector<Receiver>& receivers,
                         CopyManagerOptions options)
    : m_copies(std::make_unique<Copies>(std::move(producer), receivers, std::move(options))) {}

CopyManager::CopyManager(CopyManager&&) noexcept = default;
CopyManager& CopyManager::operator=(CopyManager&&) noexcept = default;
CopyManager::~CopyManager() = default;

std::optional<CopyProgress> CopyManager::next() {
  return m_copies->next();
}

void CopyManager::run() {
  while (m_copies->next()) {
  }
}

Reconciled CopyManager::reconcile(std::size_t receiver) {
  return m_copies->reconcile(receiver);
}

void CopyManager::start(Producer producer, std::vector<std::size_t> receivers) {
  m_copies->start(std::move(producer), std::move(receivers));
}

void CopyManager::abandon() noexcept {
  m_copies->abandon();
}

std::size_t CopyManager::receivers() const {
  return m_copies->receivers();
}

ReceiverProgress CopyManager::receiver(std::size_t number) const {
  return m_copies->receiver(number);
}

std::int64_t CopyManager::messages() const {
  return m_copies->fan() == nullptr ? 0 : m_copies->fan()->messages();
}

std::int64_t CopyManager::bytes() const {
  return m_copies->fan() == nullptr ? 0 : m_copies->fan()->bytes();
}

std::size_t CopyManager::most_behind() const {
  return m_copies->fan() == nullptr ? 0 : m_copies->fan()->most_behind();
}

}  // namespace pgstride
