#include "pgstride/error.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace pgstride {

namespace {

bool in_class(const std::string& sqlstate, std::string_view sqlstate_class) {
  return sqlstate.starts_with(sqlstate_class);
}

template <std::size_t N>
bool is_one_of(const std::string& sqlstate, const std::array<std::string_view, N>& states) {
  return std::find(states.begin(), states.end(), sqlstate) != states.end();
}

/// What a server sends with FATAL, after which the session is gone: shutdowns, a dropped database,
/// the idle time-outs and transaction_timeout (src/backend/utils/errcodes.txt).
constexpr std::array<std::string_view, 7> k_session_ends = {"57P01", "57P02", "57P03", "57P04",
                                                            "57P05", "25P03", "25P04"};

/// Shutdown or start of the server, idle_session_timeout, serialization failure, deadlock,
/// lock_not_available, object_in_use. Not 57014: a statement time-out hits the same work again, and
/// a cancel was somebody's wish.
constexpr std::array<std::string_view, 8> k_transient = {"57P01", "57P02", "57P03", "57P05",
                                                         "40001", "40P01", "55P03", "55006"};

}  // namespace

Error& Error::with_server(std::string sqlstate, std::string detail, std::string context,
                          std::string statement) {
  m_sqlstate = std::move(sqlstate);
  m_detail = std::move(detail);
  m_context = std::move(context);
  m_statement = std::move(statement);
  return *this;
}

Error& Error::with_hint(std::string hint) {
  m_hint = std::move(hint);
  return *this;
}

bool Error::poisons_connection() const noexcept {
  return m_kind == ErrorKind::connection || in_class(m_sqlstate, "08") ||
         is_one_of(m_sqlstate, k_session_ends);
}

bool Error::is_transient() const noexcept {
  if (in_class(m_sqlstate, "28") || in_class(m_sqlstate, "3D") || m_sqlstate == "42501") {
    return false;  // a wrong password, an unknown database, one that may not be used: none of them
                   // passes, although no connection was made
  }
  if (m_kind == ErrorKind::connection || m_kind == ErrorKind::lock) {
    return true;
  }
  return in_class(m_sqlstate, "08") || in_class(m_sqlstate, "53") ||
         is_one_of(m_sqlstate, k_transient);
}

std::string Error::full_text() const {
  std::string text = what();
  const auto add = [&text](std::string_view label, const std::string& value) {
    if (!value.empty()) {
      text.append("\n").append(label).append(": ").append(value);
    }
  };
  add("SQLSTATE", m_sqlstate);
  add("DETAIL", m_detail);
  add("CONTEXT", m_context);
  add("HINT", m_hint);
  return text;
}

}  // namespace pgstride
