#include "checkpoint/sqlite_db.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cctype>
#include <utility>

#include "checkpoint/sqlite_error.hpp"

namespace pgstride::checkpoint {

namespace {

/// A `file:` URI in which every byte that could mean something is escaped (sqlite.org/uri.html).
std::string immutable_uri(const std::filesystem::path& path) {
  std::string uri = "file:";
  for (const char c : std::filesystem::absolute(path).string()) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '/' || c == '.' || c == '_') {
      uri += c;
    } else {
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
  }
  return uri + "?immutable=1";
}

int open_flags(OpenMode mode) {
  switch (mode) {
  case OpenMode::write:
    return SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  case OpenMode::read:
    return SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
  case OpenMode::immutable:
    return SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
  }
  return 0;
}

}  // namespace

void Query::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Query::Query(Database& db, Handle statement, Handle& home)
    : m_db(&db), m_statement(std::move(statement)), m_home(&home) {}

Query::~Query() {
  if (m_statement) {
    sqlite3_reset(m_statement.get());
    sqlite3_clear_bindings(m_statement.get());
    *m_home = std::move(m_statement);
  }
}

bool Query::next() {
  const int code = sqlite3_step(m_statement.get());
  if (code == SQLITE_ROW) {
    return true;
  }
  if (code != SQLITE_DONE) {
    m_db->fail(code);
  }
  return false;
}

void Query::bind_null(int index) {
  sqlite3_bind_null(m_statement.get(), index);
}

void Query::bind_integer(int index, std::int64_t value) {
  sqlite3_bind_int64(m_statement.get(), index, value);
}

void Query::bind_real(int index, double value) {
  sqlite3_bind_double(m_statement.get(), index, value);
}

void Query::bind_text(int index, std::string_view value) {
  // A null pointer would bind NULL; the copy is because the query outlives its arguments.
  const char* bytes = value.data() == nullptr ? "" : value.data();
  const int code = sqlite3_bind_text64(m_statement.get(), index, bytes, value.size(),
                                       SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) {
    m_db->fail(code);
  }
}

bool Query::is_null(int column) const {
  return sqlite3_column_type(m_statement.get(), column) == SQLITE_NULL;
}

std::int64_t Query::integer(int column) const {
  return sqlite3_column_int64(m_statement.get(), column);
}

double Query::real(int column) const {
  return sqlite3_column_double(m_statement.get(), column);
}

std::string_view Query::text(int column) const {
  const auto* bytes = sqlite3_column_text(m_statement.get(), column);
  if (bytes == nullptr) {
    return {};
  }
  return {reinterpret_cast<const char*>(bytes),
          static_cast<std::size_t>(sqlite3_column_bytes(m_statement.get(), column))};
}

Lsn Query::lsn(int column) const {
  try {
    return Lsn::parse(text(column));
  } catch (const Error& error) {
    throw m_db->damaged(error.what());
  }
}

void Database::Close::operator()(sqlite3* db) const {
  sqlite3_close_v2(db);
}

Database::Database(std::filesystem::path path, OpenMode mode)
    : m_path(std::move(path)), m_mode(mode) {
  const std::string name = mode == OpenMode::immutable ? immutable_uri(m_path)
                                                       : std::filesystem::absolute(m_path).string();
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &db, open_flags(mode), nullptr);
  m_db.reset(db);
  if (code != SQLITE_OK) {
    fail(code);
  }
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, 10'000);
}

Database::~Database() = default;

Query Database::prepare(std::string_view sql) {
  check_transaction();
  Query::Handle& home = m_statements[std::string(sql)];
  // The same statement may be under way already (a visitor that asks something itself): then a
  // second one is compiled.
  if (home) {
    return {*this, std::move(home), home};
  }
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(m_db.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) {
    fail(code);
  }
  return {*this, Query::Handle(statement), home};
}

void Database::execute_script(const std::string& sql) {
  check_transaction();
  const int code = sqlite3_exec(m_db.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) {
    fail(code);
  }
}

std::int64_t Database::changes() const {
  return sqlite3_changes64(m_db.get());
}

std::int64_t Database::last_id() const {
  return sqlite3_last_insert_rowid(m_db.get());
}

Error Database::damaged(const std::string& what) const {
  return sqlite_error(SQLITE_CORRUPT, 0, m_path, what);
}

void Database::fail(int code) {
  m_broken = m_in_transaction;
  const int extended = m_db ? sqlite3_extended_errcode(m_db.get()) : code;
  const int system_errno = m_db ? sqlite3_system_errno(m_db.get()) : 0;
  const std::string detail = m_db ? sqlite3_errmsg(m_db.get()) : sqlite3_errstr(code);
  throw sqlite_error((extended & 0xff) == (code & 0xff) ? extended : code, system_errno, m_path,
                     detail);
}

void Database::check_transaction() const {
  // After an error SQLite may have rolled back by itself (sqlite.org/lang_transaction.html); what
  // follows would then be committed alone, without the first half of its batch.
  if (m_broken || (m_in_transaction && sqlite3_get_autocommit(m_db.get()) != 0)) {
    throw Error(ErrorKind::checkpoint,
                fmt::format("checkpoint \"{}\": the batch failed earlier and can only be abandoned",
                            m_path.string()));
  }
}

void Database::begin() {
  if (m_in_transaction) {
    throw Error(ErrorKind::internal, "checkpoint batches can't be nested");
  }
  execute(m_mode == OpenMode::write ? "BEGIN IMMEDIATE" : "BEGIN");
  m_in_transaction = true;
}

void Database::commit() {
  execute("COMMIT");
  m_in_transaction = false;
}

void Database::rollback() noexcept {
  if (sqlite3_get_autocommit(m_db.get()) == 0) {
    // Its failure leaves nothing to do: SQLite abandons the transaction with the connection.
    sqlite3_exec(m_db.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  m_in_transaction = false;
  m_broken = false;
}

Transaction::Transaction(Database& db) : m_db(db) {
  m_db.begin();
}

Transaction::~Transaction() {
  if (m_open) {
    m_db.rollback();
  }
}

void Transaction::commit() {
  m_db.commit();
  m_open = false;
}

Step::Step(Database& db) {
  if (!db.m_in_transaction) {
    m_own.emplace(db);
  }
}

void Step::commit() {
  if (m_own) {
    m_own->commit();
  }
}

bool has_column(Database& db, const std::string& table, const std::string& column) {
  Query query = db.query("SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2", table, column);
  return query.next();
}

}  // namespace pgstride::checkpoint
