#include "pg/copy_reader.hpp"

#include <libpq-fe.h>

#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

#include "pg/start_copy.hpp"

namespace pgstride::pg {

namespace {

// speed.md, Reading: the server wakes us for each 8 kB; waiting a little lets more of it gather.
constexpr std::chrono::microseconds k_pace{400};
constexpr std::size_t k_full_read = 64 << 10;  // such a read needs no pacing
constexpr std::size_t k_thin_read = 32
                                    << 10;  // a paced wake under this: the server is the slow one
constexpr int k_unpaced_waits = 16;         // then read as it comes for so many waits

}  // namespace

// It doubles from 16 kB until the message fits.
void enlarge_input_buffer(Connection& connection) {
  connection.exec("SELECT pg_catalog.repeat('x', 250000)");
}

CopyReader::CopyReader(Connection& connection, std::string sql)
    : m_connection(connection), m_sql(std::move(sql)) {
  start_copy(m_connection, m_sql, CopyDirection::out);
  m_pace = PQsslInUse(m_connection.native()) == 0;
}

CopyReader::~CopyReader() {
  release();
  if (m_done || !m_connection.usable()) {
    return;
  }
  m_connection.cancel();
  try {
    while (!m_done && next()) {
    }
  } catch (const std::exception&) {
    // Cancelled, as asked, or the connection is gone: either way nothing is left to read.
  }
}

void CopyReader::release() {
  PQfreemem(m_message);
  m_message = nullptr;
  m_view = {};
}

std::optional<std::string_view> CopyReader::next() {
  for (;;) {
    switch (try_next()) {
    case Step::message:
      return m_view;
    case Step::end:
      return std::nullopt;
    case Step::nothing:
      std::this_thread::sleep_until(m_ready_at);
      m_connection.wait();
      take_in();
    }
  }
}

CopyReader::Step CopyReader::try_next() {
  release();
  const int length = PQgetCopyData(m_connection.native(), &m_message, 1);
  if (length > 0) {
    m_view = {m_message, static_cast<std::size_t>(length)};
    m_since_wake += m_view.size();
    return Step::message;
  }
  if (length == 0) {
    plan_wait();
    return Step::nothing;
  }
  finish();
  return Step::end;
}

SharedBytes CopyReader::take_message() {
  const std::shared_ptr<const char> data(
      std::exchange(m_message, nullptr),
      [](const char* message) { PQfreemem(const_cast<char*>(message)); });
  return {data, std::exchange(m_view, {}).size()};
}

void CopyReader::plan_wait() {
  m_ready_at = {};
  const auto got = std::exchange(m_since_wake, 0);
  if (m_unpaced > 0) {
    --m_unpaced;
  } else if (m_pace && got < k_full_read) {
    if (m_paced && got < k_thin_read) {
      m_unpaced = k_unpaced_waits;
    } else {
      m_ready_at = std::chrono::steady_clock::now() + k_pace;
      m_paced = true;
    }
  }
  if (m_unpaced > 0) {
    m_paced = false;
  }
}

void CopyReader::take_in() {
  if (PQconsumeInput(m_connection.native()) == 0) {
    m_done = true;
    throw m_connection.connection_error("reading COPY data");
  }
}

void CopyReader::finish() {
  m_done = true;
  PGconn* native = m_connection.native();
  std::optional<Error> error;
  bool complete = false;
  PGresult* raw = nullptr;
  while ((raw = PQgetResult(native)) != nullptr) {
    if (PQresultStatus(raw) == PGRES_COMMAND_OK) {
      m_rows = std::strtoll(PQcmdTuples(raw), nullptr, 10);
      complete = true;
    } else if (!error) {
      error = m_connection.result_error(raw, m_sql);
    }
    PQclear(raw);
  }
  if (m_connection.cancelled()) {
    throw Error(ErrorKind::stopped, "stopped while COPY ran");
  }
  if (error) {
    throw *error;
  }
  if (!complete) {
    throw m_connection.connection_error("ending COPY");
  }
}

}  // namespace pgstride::pg
