#include "transfer/batch.hpp"

#include <utility>

namespace pgstride::transfer {

void Batch::end_message() {
  ++m_messages;
  if (m_keep_ends) {
    m_ends.push_back(m_joined.size());
  }
}

void Batch::adopt(SharedBytes message) {
  m_adopted = std::move(message);
  m_messages = 1;
  if (m_keep_ends) {
    m_ends.push_back(m_adopted.size);
  }
}

std::vector<std::string_view> Batch::each() const {
  std::vector<std::string_view> messages;
  messages.reserve(m_ends.size());
  std::size_t begin = 0;
  for (const auto end : m_ends) {
    messages.push_back(bytes().substr(begin, end - begin));
    begin = end;
  }
  return messages;
}

void Batch::reuse(std::size_t keep_bytes) {
  m_joined.clear();
  if (m_joined.capacity() > 2 * keep_bytes) {
    m_joined.shrink_to_fit();
  }
  m_joined.reserve(keep_bytes);
  m_adopted = {};
  m_ends.clear();
  m_messages = 0;
}

SharedBytes shared_bytes(const SharedBatch& batch) {
  return {std::shared_ptr<const char>(batch, batch->bytes().data()), batch->size()};
}

std::shared_ptr<Batch> BatchPool::take() {
  std::shared_ptr<Batch> free;
  for (auto& batch : m_batches) {
    if (batch.use_count() == 1) {
      batch->reuse(m_batch_bytes);  // all of them: none keeps a large message that nobody needs
      free = batch;
    }
  }
  if (!free) {
    free = m_batches.emplace_back(std::make_shared<Batch>(m_keep_ends));
    free->reuse(m_batch_bytes);
  }
  return free;
}

}  // namespace pgstride::transfer
