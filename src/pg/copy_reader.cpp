#include "pg/copy_reader.hpp"

#include <libpq-fe.h>

#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>

namespace pgstride::pg {

namespace {

// speed.md, Reading: the server wakes us for each 8 kB; waiting a little lets more of it gather.
constexpr std::chrono::microseconds k_pace{400};
constexpr std::size_t k_full_read = 64 << 10;  // such a read needs no pacing
constexpr std::size_t k_thin_read = 32
                                    << 10;  // a paced wake under this: the server is the slow one
constexpr int k_unpaced_waits = 16;         // then read as it comes for so many waits

}  // namespace

void enlarge_input_buffer(Connection& connection) {
  connection.exec("SELECT pg_catalog.repeat('x', 1000000)");
}

CopyReader::CopyReader(Connection& connection, std::string sql)
    : m_connection(connection), m_sql(std::move(sql)) {
  PGconn* native = m_connection.native();
  if (m_connection.cancel_token().stop_requested()) {
    throw Error(ErrorKind::stopped, "stopped");
  }
  if (PQsendQuery(native, m_sql.c_str()) == 0) {
    throw m_connection.connection_error("sending COPY");
  }
  m_connection.flush();
  while (PQisBusy(native) != 0) {
    m_connection.wait();
    if (PQconsumeInput(native) == 0) {
      throw m_connection.connection_error("starting COPY");
    }
  }
  PGresult* result = PQgetResult(native);
  const auto status = PQresultStatus(result);
  const auto error = m_connection.result_error(result, m_sql);
  PQclear(result);
  if (status != PGRES_COPY_OUT) {
    m_done = true;
    while ((result = PQgetResult(native)) != nullptr) {
      PQclear(result);
    }
    if (m_connection.cancelled()) {
      throw Error(ErrorKind::stopped, "stopped while COPY started");
    }
    throw error;
  }
  m_pace = PQsslInUse(native) == 0;
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
}

std::optional<std::string_view> CopyReader::next() {
  release();
  for (;;) {
    const int length = PQgetCopyData(m_connection.native(), &m_message, 1);
    if (length > 0) {
      m_since_wake += static_cast<std::size_t>(length);
      return std::string_view(m_message, static_cast<std::size_t>(length));
    }
    if (length == 0) {
      wait_for_data();
      continue;
    }
    finish();
    return std::nullopt;
  }
}

void CopyReader::wait_for_data() {
  const auto got = std::exchange(m_since_wake, 0);
  if (m_unpaced > 0) {
    --m_unpaced;
  } else if (m_pace && got < k_full_read) {
    if (m_paced && got < k_thin_read) {
      m_unpaced = k_unpaced_waits;
    } else {
      std::this_thread::sleep_for(k_pace);
      m_paced = true;
    }
  }
  if (m_unpaced > 0) {
    m_paced = false;
  }
  m_connection.wait();
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
