#include "pg/copy_writer.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

#include "pg/start_copy.hpp"

namespace pgstride::pg {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// What write() lets gather before it waits: enough to fill the next message while one is sent.
constexpr std::size_t k_most_waiting = 256 << 10;
// What an abandoned COPY may take to end, before it is cancelled and after it.
constexpr milliseconds k_end_patience{1000};
constexpr milliseconds k_cancel_patience{10'000};
constexpr milliseconds k_look{10};

constexpr const char* k_refused = "ended after the server's answer";

}  // namespace

CopyWriter::CopyWriter(Connection& connection, std::string sql, std::size_t message_bytes)
    : m_connection(connection), m_sql(std::move(sql)), m_message_bytes(message_bytes) {
  start_copy(m_connection, m_sql, CopyDirection::in);
  m_answer.emplace(m_connection);
  m_sender.emplace(m_connection);
}

CopyWriter::~CopyWriter() {
  abandon();
}

void CopyWriter::write(std::string_view bytes) {
  m_joined.append(bytes);
  if (m_joined.size() < m_message_bytes) {
    return;
  }
  offer_joined();
  m_joined.reserve(m_message_bytes + m_message_bytes / 8);
  pump();
  while (m_backlog > k_most_waiting) {
    wait();
    pump();
  }
  if (m_connection.cancel_token().stop_requested()) {
    throw Error(ErrorKind::stopped, "stopped while COPY ran");
  }
}

void CopyWriter::offer_joined() {
  if (m_joined.empty()) {
    return;
  }
  const auto owner = std::make_shared<const std::string>(std::exchange(m_joined, {}));
  offer({std::shared_ptr<const char>(owner, owner->data()), owner->size()});
}

std::int64_t CopyWriter::finish() {
  offer_joined();
  end();
  pump();
  while (!ended()) {
    wait();
    pump();
  }
  return m_rows;
}

void CopyWriter::wait() {
  if (m_stage == Stage::copying && m_answer->doubtful() && !m_blocked) {
    m_connection.ready(k_look, false);
  } else {
    m_connection.wait(wants_write());
  }
}

void CopyWriter::offer(SharedBytes bytes) {
  if (bytes.size > 0) {
    m_backlog += bytes.size;
    m_queue.push_back(std::move(bytes));
  }
}

void CopyWriter::end() {
  m_end_asked = true;
}

bool CopyWriter::wants_write() const {
  return m_blocked;
}

void CopyWriter::pump() {
  drive();
  if (m_error && ended()) {
    throw *m_error;
  }
}

void CopyWriter::drive() {
  if (m_stage == Stage::copying) {
    try {
      m_answer->listen();
      send();
    } catch (const Error& error) {
      lose(error);
      return;
    }
    if (m_sender->busy()) {
      return;  // an end within a message would be data
    }
    if (m_answer->came()) {
      put_end(k_refused);
    } else if (m_given_up) {
      put_end("abandoned by the client");
    } else if (m_end_asked && m_queue.empty()) {
      put_end(nullptr);
    }
  }
  if (m_stage == Stage::ending) {
    m_blocked = PQflush(m_connection.native()) > 0;
    PQconsumeInput(m_connection.native());  // a failure comes as a result, too
    collect();
  }
}

// The server's last words, if it had any, come as the COPY's result once libpq knows that the
// connection is gone.
void CopyWriter::lose(const Error& error) {
  if (m_connection.still_connected()) {
    m_error = error;
    m_connection.close();
    m_stage = Stage::ended;
  } else {
    put_end(k_refused);
    collect();
  }
}

void CopyWriter::send() {
  for (;;) {
    if (m_sender->busy()) {
      m_blocked = !m_sender->push();
      if (m_blocked) {
        return;
      }
      end_message();
      m_answer->listen();
    }
    if (m_queue.empty() || m_given_up || m_answer->came() || m_answer->doubtful()) {
      return;
    }
    begin_message();
  }
}

void CopyWriter::begin_message() {
  const auto rest = m_queue.front().view().substr(m_sent);
  // No small one at the end of a block that is a little too long.
  const auto message =
      rest.substr(0, rest.size() <= 2 * m_message_bytes ? rest.size() : m_message_bytes);
  m_message = message.size();
  m_sender->begin(message);
}

void CopyWriter::end_message() {
  m_backlog -= m_message;
  m_sent += m_message;
  if (m_sent == m_queue.front().size) {
    m_queue.pop_front();
    m_sent = 0;
  }
}

void CopyWriter::put_end(const char* reason) {
  m_queue.clear();
  m_backlog = 0;
  m_blocked = false;
  m_stage = Stage::ending;
  if (PQputCopyEnd(m_connection.native(), reason) != 1) {
    m_error = m_connection.connection_error("ending COPY");
    m_connection.close();
    m_stage = Stage::ended;
  }
}

void CopyWriter::collect() {
  PGconn* native = m_connection.native();
  while (PQisBusy(native) == 0) {
    PGresult* raw = PQgetResult(native);
    if (raw == nullptr) {
      m_stage = Stage::ended;
      judge();
      return;
    }
    if (PQresultStatus(raw) == PGRES_COMMAND_OK) {
      m_rows = std::strtoll(PQcmdTuples(raw), nullptr, 10);
      m_complete = true;
    } else if (!m_error) {
      m_error = m_connection.result_error(raw, m_sql);
    }
    PQclear(raw);
  }
}

void CopyWriter::judge() {
  if (!m_error && !m_complete) {
    m_error = m_connection.connection_error("ending COPY");
  } else if (m_error && m_connection.cancelled()) {
    m_error = Error(ErrorKind::stopped, "stopped while COPY ran");
  } else if (m_error && std::string_view(m_error->what()).ends_with(k_refused)) {
    m_error = Error(ErrorKind::connection, "took a message of the server for the end of the COPY");
  }
}

void CopyWriter::abandon() noexcept {
  try {
    m_given_up = true;
    if (m_stage != Stage::ended && !wait_for_end(k_end_patience)) {
      m_connection.cancel();
      if (!wait_for_end(k_cancel_patience)) {
        m_connection.close();
      }
    }
  } catch (const std::exception&) {
    m_connection.close();
  }
  m_stage = Stage::ended;
}

bool CopyWriter::wait_for_end(milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  for (;;) {
    drive();
    if (m_stage == Stage::ended) {
      return true;
    }
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) {
      return false;
    }
    m_connection.ready(left, m_blocked);
  }
}

}  // namespace pgstride::pg
