#include "transfer/statement_ends.hpp"

namespace pgstride::transfer {

namespace {

// From this size on handing a message over by itself is cheaper than copying it.
constexpr std::size_t k_large = 64 << 10;

}  // namespace

CopyProducer::Step ReaderProducer::fill(Batch& batch, std::size_t bytes) {
  for (;;) {
    if (m_held) {
      if (batch.empty()) {
        batch.adopt(m_reader.take_message());
        m_held = false;
      }
      return Step::full;
    }
    switch (m_reader.try_next()) {
    case pg::CopyReader::Step::nothing:
      return Step::nothing;
    case pg::CopyReader::Step::end:
      return Step::end;
    case pg::CopyReader::Step::message:
      if (m_reader.message().size() >= k_large) {
        m_held = true;
        continue;
      }
      batch.append(m_reader.message());
      if (batch.size() >= bytes) {
        return Step::full;
      }
    }
  }
}

}  // namespace pgstride::transfer
