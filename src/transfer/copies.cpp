#include "transfer/copies.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace pgstride {

using transfer::FanOut;

CopyManager::Copies::Copies(Producer producer, const std::vector<Receiver>& receivers,
                            CopyManagerOptions options)
    : m_options(std::move(options)), m_producer(std::move(producer)) {
  if (receivers.empty() || m_options.buffer_bytes == 0) {
    throw Error(ErrorKind::usage,
                receivers.empty() ? "a copy without a receiver" : "a buffer of 0 bytes");
  }
  for (const auto& receiver : receivers) {
    m_receivers.push_back(transfer::make_receiver(receiver, m_options));
    m_wants_messages = m_wants_messages || std::holds_alternative<CallReceiver>(receiver);
  }
  m_standings.resize(receivers.size());
  m_members = able_members();
}

std::optional<CopyProgress> CopyManager::Copies::next() {
  if (m_stage == Stage::over || m_stage == Stage::abandoned) {
    return std::nullopt;
  }
  try {
    if (m_stage == Stage::ready) {
      begin();
    }
    const auto messages = m_fan->messages();
    const auto bytes = m_fan->bytes();
    switch (m_fan->step()) {
    case FanOut::Step::none_left:
      fail_for_want_of_receivers();
    case FanOut::Step::over:
      commit();
      break;
    case FanOut::Step::moved:
    case FanOut::Step::fault:
      break;
    }
    CopyProgress progress{m_fan->messages() - messages, m_fan->bytes() - bytes, take_faults()};
    if (m_stage == Stage::over && progress.faults.empty()) {
      return std::nullopt;
    }
    return progress;
  } catch (...) {
    abandon();
    throw;
  }
}

void CopyManager::Copies::begin() {
  m_fan.reset();
  m_stage = Stage::running;
  m_source.start(m_producer, m_options);
  std::vector<transfer::CopyReceiver*> ends;
  for (const auto number : m_members) {
    ends.push_back(m_receivers[number].get());
    m_standings[number] = Standing::able;
  }
  m_fan.emplace(m_source.producer(), std::move(ends),
                transfer::FanOutOptions{m_options.buffer_bytes, m_options.backlog_bytes,
                                        m_options.stall_limit, m_wants_messages, m_options.stop});
  for (std::size_t i = 0; i < m_members.size(); ++i) {
    try {
      m_receivers[m_members[i]]->start();
    } catch (const Error& error) {
      m_fan->fail(i, error);
    }
  }
}

// Only when every receiver that is left has confirmed all of it: what fails before leaves nothing
// anywhere.
void CopyManager::Copies::commit() {
  m_source.stop();
  bool any = false;
  for (std::size_t i = 0; i < m_members.size(); ++i) {
    if (m_fan->receiver(i).error) {
      continue;
    }
    try {
      m_receivers[m_members[i]]->commit();
      any = true;
    } catch (const Error& error) {
      m_fan->fail(i, error);
    }
  }
  if (!any) {
    fail_for_want_of_receivers();
  }
  for (std::size_t i = 0; i < m_members.size(); ++i) {
    if (m_fan->receiver(i).error) {
      m_receivers[m_members[i]]->abandon();
    }
  }
  m_stage = Stage::over;
  m_fan->release();
}

std::vector<Fault> CopyManager::Copies::take_faults() {
  auto faults = m_fan->take_faults();
  for (auto& fault : faults) {
    fault.receiver = m_members[fault.receiver];
    m_standings[fault.receiver] = Standing::failed;
  }
  return faults;
}

void CopyManager::Copies::fail_for_want_of_receivers() {
  std::string message = "no receiver is left";
  char separator = ':';
  for (std::size_t i = 0; i < m_members.size(); ++i) {
    const auto& error = m_fan->receiver(i).error;
    message += fmt::format("{} receiver {}: {}", std::exchange(separator, ';'), m_members[i],
                           error ? error->what() : "");
  }
  const auto& first = *m_fan->receiver(0).error;
  Error all(first.kind(), message, first.hint());
  all.with_server(first.sqlstate(), first.detail(), first.context(), first.statement());
  throw all;
}

std::optional<std::size_t> CopyManager::Copies::member(std::size_t number) const {
  const auto found = std::find(m_members.begin(), m_members.end(), number);
  if (!m_fan || found == m_members.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - m_members.begin());
}

void CopyManager::Copies::check(std::size_t number) const {
  if (number >= m_receivers.size()) {
    throw Error(ErrorKind::usage, fmt::format("no receiver {}: there are {}, counted from 0",
                                              number, m_receivers.size()));
  }
}

Reconciled CopyManager::Copies::reconcile(std::size_t number) {
  check(number);
  if (m_standings[number] != Standing::failed) {
    throw Error(ErrorKind::usage, fmt::format("receiver {} has not failed", number));
  }
  auto& receiver = *m_receivers[number];
  const auto place = member(number);
  if (m_stage == Stage::running && place) {
    if (m_fan->messages() == 0 && !receiver.can_go_on()) {
      receiver.start();
    }
    if (receiver.can_go_on() && m_fan->revive(*place)) {
      m_standings[number] = Standing::able;
      return Reconciled::now;
    }
  }
  receiver.abandon();
  m_standings[number] = Standing::rejoins;
  return Reconciled::at_next_copy;
}

void CopyManager::Copies::start(Producer producer, std::vector<std::size_t> members) {
  if (m_stage == Stage::running) {
    throw Error(ErrorKind::usage, "a copy is under way", "run() it to its end, or abandon() it");
  }
  std::sort(members.begin(), members.end());
  members.erase(std::unique(members.begin(), members.end()), members.end());
  for (const auto number : members) {
    check(number);
  }
  auto chosen = members.empty() ? able_members() : std::move(members);
  if (chosen.empty()) {
    throw Error(ErrorKind::usage, "every receiver has failed", "reconcile() one first");
  }
  m_producer = std::move(producer);
  m_members = std::move(chosen);
  m_fan.reset();
  m_stage = Stage::ready;
}

std::vector<std::size_t> CopyManager::Copies::able_members() const {
  std::vector<std::size_t> members;
  for (std::size_t i = 0; i < m_receivers.size(); ++i) {
    if (m_standings[i] != Standing::failed) {
      members.push_back(i);
    }
  }
  return members;
}

void CopyManager::Copies::abandon() noexcept {
  if (m_stage != Stage::running) {
    return;
  }
  m_stage = Stage::abandoned;
  for (const auto number : m_members) {
    m_receivers[number]->abandon();
  }
  m_source.stop();
  if (m_fan) {
    take_faults();
    m_fan->release();
  }
}

ReceiverProgress CopyManager::Copies::receiver(std::size_t number) const {
  check(number);
  ReceiverProgress progress;
  const auto place = member(number);
  if (!place) {
    progress.state = m_stage == Stage::ready ? ReceiverState::taking : ReceiverState::abandoned;
    progress.missed_messages = m_fan ? m_fan->messages() : 0;
    return progress;
  }
  const auto& intake = m_fan->receiver(*place);
  const auto& receiver = *m_receivers[number];
  progress.messages = intake.messages;
  progress.bytes = intake.bytes;
  progress.error = intake.error;
  progress.in_doubt = receiver.in_doubt();
  if (intake.error || m_stage == Stage::abandoned) {
    progress.state = intake.error ? ReceiverState::failed : ReceiverState::abandoned;
    progress.missed_messages = m_fan->messages() - receiver.kept();
  } else if (m_stage == Stage::over) {
    progress.state = ReceiverState::done;
    progress.rows = receiver.rows();
  }
  return progress;
}

}  // namespace pgstride
