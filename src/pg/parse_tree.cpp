#include "pg/parse_tree.hpp"

#include <algorithm>

#include <libpq-fe.h>

namespace pgstride::pg {

namespace {

// Gathers the details of what the server tells on the way, as long as this lives.
class Details {
 public:
  explicit Details(PGconn* connection)
      : m_connection(connection), m_before(PQsetNoticeReceiver(connection, &Details::take, this)) {}
  Details(const Details&) = delete;
  Details& operator=(const Details&) = delete;
  ~Details() { PQsetNoticeReceiver(m_connection, m_before, nullptr); }

  [[nodiscard]] const std::string& text() const { return m_text; }

 private:
  static void take(void* self, const PGresult* message) {
    if (const char* detail = PQresultErrorField(message, PG_DIAG_MESSAGE_DETAIL)) {
      static_cast<Details*>(self)->m_text += detail;
    }
  }

  PGconn* m_connection;
  PQnoticeReceiver m_before;
  std::string m_text;
};

}  // namespace

std::string parse_tree(Connection& connection, const std::string& select) {
  constexpr const char* k_off =
      "RESET debug_print_parse; RESET debug_pretty_print; RESET client_min_messages";
  const Details details(connection.native());
  // Pretty lines are broken within words, the others at a space (format_node_dump in print.c).
  connection.exec("SET debug_pretty_print = off; SET client_min_messages = 'log'");
  try {
    connection.exec("SET debug_print_parse = on");
    connection.query(select, {});
    connection.exec(k_off);
  } catch (const Error& error) {
    if (connection.usable() && !connection.in_transaction()) {
      connection.exec(k_off);
    }
    throw;
  }
  auto tree = details.text();
  std::replace(tree.begin(), tree.end(), '\n', ' ');
  return tree;
}

}  // namespace pgstride::pg
