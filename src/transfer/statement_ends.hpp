// COPY statements as the two ends of a fan-out. Thread rule of copy_ends.hpp.
#pragma once

#include "pg/copy_reader.hpp"
#include "pg/copy_writer.hpp"
#include "transfer/copy_ends.hpp"

namespace pgstride::transfer {

class ReaderProducer : public CopyProducer {
 public:
  explicit ReaderProducer(pg::CopyReader& reader) : m_reader(reader) {}
  Step fill(Batch& batch, std::size_t bytes) override;
  [[nodiscard]] int socket() const override { return m_reader.socket(); }
  [[nodiscard]] std::chrono::steady_clock::time_point ready_at() const override {
    return m_reader.ready_at();
  }
  void take_in() override { m_reader.take_in(); }

 private:
  pg::CopyReader& m_reader;
  bool m_held = false;  ///< a large message of the reader waits for an empty batch
};

class WriterReceiver : public CopyReceiver {
 public:
  explicit WriterReceiver(pg::CopyWriter& writer) : m_writer(writer) {}
  void take(const SharedBatch& batch) override { m_writer.offer(shared_bytes(batch)); }
  void end() override { m_writer.end(); }
  void pump() override { m_writer.pump(); }
  [[nodiscard]] bool ended() const override { return m_writer.ended(); }
  [[nodiscard]] std::size_t backlog() const override { return m_writer.backlog(); }
  [[nodiscard]] int socket() const override { return m_writer.socket(); }
  [[nodiscard]] bool wants_write() const override { return m_writer.wants_write(); }
  void abandon() noexcept override { m_writer.abandon(); }

 private:
  pg::CopyWriter& m_writer;
};

}  // namespace pgstride::transfer
