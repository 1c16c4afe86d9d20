#include <deque>
#include <optional>
#include <utility>

#include "base/durable_file.hpp"
#include "transfer/managed_receiver.hpp"

namespace pgstride::transfer {

namespace {

/// What pump() works off at once, without a socket.
class LocalEnd : public ManagedReceiver {
 public:
  void start() override {
    abandon();
    m_end_asked = false;
  }
  void take(const SharedBatch& batch) override {
    m_queue.push_back(batch);
    m_backlog += batch->size();
  }
  void end() override { m_end_asked = true; }
  void pump() override {
    for (; !m_queue.empty(); m_queue.pop_front()) {
      give(*m_queue.front());
      m_backlog -= m_queue.front()->size();
    }
  }
  [[nodiscard]] bool ended() const override { return m_end_asked && m_queue.empty(); }
  [[nodiscard]] std::size_t backlog() const override { return m_backlog; }
  void abandon() noexcept override {
    m_queue.clear();
    m_backlog = 0;
  }

 private:
  virtual void give(const Batch& batch) = 0;

  std::deque<SharedBatch> m_queue;
  std::size_t m_backlog = 0;
  bool m_end_asked = false;
};

class FileEnd : public LocalEnd {
 public:
  explicit FileEnd(FileReceiver what) : m_what(std::move(what)) {}

  void start() override {
    LocalEnd::start();
    m_file.emplace(m_what.path);
  }
  [[nodiscard]] bool can_go_on() const override { return m_file.has_value(); }
  void commit() override {
    m_file->commit();
    m_file.reset();
  }
  void abandon() noexcept override {
    LocalEnd::abandon();
    m_file.reset();
  }

 private:
  void give(const Batch& batch) override { m_file->write(batch.bytes()); }

  FileReceiver m_what;
  std::optional<DurableFile> m_file;
};

class CallEnd : public LocalEnd {
 public:
  explicit CallEnd(CallReceiver what) : m_what(std::move(what)) {}

  void start() override {
    LocalEnd::start();
    m_kept = 0;
  }
  [[nodiscard]] bool can_go_on() const override { return true; }
  void commit() override {}
  [[nodiscard]] std::int64_t kept() const override { return m_kept; }

 private:
  void give(const Batch& batch) override {
    try {
      m_what.take(batch.each());
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {
      throw Error(ErrorKind::io, error.what());
    } catch (...) {
      throw Error(ErrorKind::io, "the receiving function threw what is no std::exception");
    }
    m_kept += batch.messages();
  }

  CallReceiver m_what;
  std::int64_t m_kept = 0;
};

}  // namespace

std::unique_ptr<ManagedReceiver> make_file_receiver(const FileReceiver& receiver) {
  return std::make_unique<FileEnd>(receiver);
}

std::unique_ptr<ManagedReceiver> make_call_receiver(const CallReceiver& receiver) {
  return std::make_unique<CallEnd>(receiver);
}

std::unique_ptr<ManagedReceiver> make_receiver(const Receiver& receiver,
                                               const CopyManagerOptions& options) {
  if (const auto* statement = std::get_if<StatementReceiver>(&receiver)) {
    return make_statement_receiver(*statement, options);
  }
  if (const auto* file = std::get_if<FileReceiver>(&receiver)) {
    return make_file_receiver(*file);
  }
  return make_call_receiver(std::get<CallReceiver>(receiver));
}

}  // namespace pgstride::transfer
