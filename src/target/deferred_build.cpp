#include "target/deferred_build.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/backoff.hpp"
#include "pg/text_array.hpp"
#include "target/parallel_ddl.hpp"

namespace pgstride::target {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// In a transaction of its own, for its SET LOCAL.
void run(pg::Connection& connection, const std::string& sql) {
  connection.exec("BEGIN; " + sql + "; COMMIT");
}

// The same; gives the error but for a stop.
std::optional<Error> attempt(pg::Connection& connection, const std::string& sql) {
  try {
    run(connection, sql);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::stopped) {
      throw;
    }
    connection.abandon_transaction();
    return error;
  }
  return std::nullopt;
}

/// Bytes of each object's table, by index of the object.
std::vector<std::int64_t> table_sizes(pg::Connection& connection,
                                      const std::vector<DeferredObject>& objects) {
  std::vector<std::string> names;
  names.reserve(objects.size());
  for (const auto& object : objects) {
    names.push_back(object.table.quoted());
  }
  const auto result = connection.query(R"sql(
    SELECT w.number, coalesce(pg_relation_size(to_regclass(w.name)), 0)
    FROM unnest($1::text[]) WITH ORDINALITY AS w (name, number)
  )sql",
                                       {pg::array_text(names)});
  std::vector<std::int64_t> sizes(objects.size());
  for (int row = 0; row < result.rows(); ++row) {
    sizes[static_cast<std::size_t>(result.int64(row, 0) - 1)] = result.int64(row, 1);
  }
  return sizes;
}

using Told = std::function<void(const Built&)>;
/// Objects that failed for good, by index.
using Broken = std::set<std::size_t>;

/// One go through all that is missing.
class Pass {
 public:
  Pass(const BuildOptions& options, const std::vector<DeferredObject>& objects, const Told& told,
       Broken& broken, bool last)
      : m_options(options), m_objects(objects), m_told(told), m_last(last), m_broken(broken),
        m_connection(options.connect), m_states(look_for_deferred(m_connection, objects)) {
    m_connection.exec(fmt::format("SET lock_timeout = {}", options.lock_timeout.count()));
    for (const auto i : broken) {
      m_broken_trees.insert(objects[i].tree);
    }
  }

  /// True if nothing is left that may succeed later. Later steps need the earlier ones: where one
  /// of these is to be tried again, they wait for it.
  bool run_all() {
    for (const auto step :
         {&Pass::build_beside_each_other, &Pass::build_exclusions, &Pass::attach,
          &Pass::build_partitioned, &Pass::add_foreign_keys, &Pass::validate, &Pass::mark}) {
      (this->*step)();
      if (!m_waiting.empty()) {
        return false;
      }
    }
    return true;
  }

 private:
  [[nodiscard]] bool failed(std::size_t i) const {
    return m_broken.contains(i) || m_waiting.contains(i);
  }

  // An index that is built beside others and then, if it belongs to a constraint, put under it.
  [[nodiscard]] static bool is_index(const DeferredObject& object) {
    return object.kind != DeferredKind::foreign_key && object.kind != DeferredKind::exclusion &&
           !object.partitioned;
  }

  void tell(std::size_t i, const char* step, double seconds, const std::optional<Error>& error) {
    const auto& object = m_objects[i];
    const bool again = error && error->is_transient() && !m_last;
    if (again) {
      m_waiting.insert(i);
    } else if (error) {
      m_broken.insert(i);
      m_broken_trees.insert(object.tree);
    }
    m_told({.object = &object,
            .step = step,
            .seconds = seconds,
            .error = error ? error->full_text() : "",
            .again = again});
  }

  // The brief steps, one after the other: they lock whole tables, and so in one order.
  void step(std::size_t i, const char* name, const std::string& sql) {
    const auto start = Clock::now();
    const auto error = attempt(m_connection, sql);
    tell(i, name, seconds_since(start), error);
    if (!m_connection.usable()) {
      m_connection = pg::Connection(m_options.connect);
      m_connection.exec(fmt::format("SET lock_timeout = {}", m_options.lock_timeout.count()));
    }
  }

  void build_beside_each_other() {
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < m_objects.size(); ++i) {
      if (is_index(m_objects[i]) && !m_states[i].index && !failed(i)) {
        missing.push_back(i);
      }
    }
    const auto sizes = table_sizes(m_connection, m_objects);
    std::stable_sort(missing.begin(), missing.end(),
                     [&](std::size_t a, std::size_t b) { return sizes[a] > sizes[b]; });
    std::vector<DdlWork> works;
    works.reserve(missing.size());
    for (const auto i : missing) {
      works.emplace_back(
          [this, i](pg::Connection& connection) { run(connection, m_objects[i].build_sql); });
    }
    run_parallel(m_options.connect, m_options.sessions, works, [&](const DdlDone& done) {
      tell(missing[done.index], "build", done.seconds, done.error);
    });
  }

  // They lock their table for all the time that they are built.
  void build_exclusions() {
    for (std::size_t i = 0; i < m_objects.size(); ++i) {
      const auto& object = m_objects[i];
      if (object.kind == DeferredKind::exclusion && !object.partitioned &&
          !m_states[i].constraint && !failed(i)) {
        step(i, "build", object.build_sql);
      }
    }
  }

  void attach() {
    for (std::size_t i = 0; i < m_objects.size(); ++i) {
      const auto& object = m_objects[i];
      if (is_index(object) && !object.attach_sql.empty() && !m_states[i].constraint && !failed(i)) {
        step(i, "attach", object.attach_sql);
      }
    }
  }

  // From the deepest up: each is made of those below it. Where one of them is missing it would be
  // built here, and fail as it did.
  void build_partitioned() {
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < m_objects.size(); ++i) {
      const auto& object = m_objects[i];
      const bool there =
          object.kind == DeferredKind::index ? m_states[i].index : m_states[i].constraint;
      if (object.partitioned && object.kind != DeferredKind::foreign_key && !there && !failed(i)) {
        missing.push_back(i);
      }
    }
    std::stable_sort(missing.begin(), missing.end(), [&](std::size_t a, std::size_t b) {
      return m_objects[a].level > m_objects[b].level;
    });
    for (const auto i : missing) {
      if (!m_broken_trees.contains(m_objects[i].tree)) {
        step(i, "build", m_objects[i].build_sql);
      } else {
        tell(i, "build", 0,
             Error(ErrorKind::server, "another index of its partitions could not be built"));
      }
    }
  }

  void add_foreign_keys() {
    for (std::size_t i = 0; i < m_objects.size(); ++i) {
      const auto& object = m_objects[i];
      if (object.kind == DeferredKind::foreign_key && !m_states[i].constraint && !failed(i)) {
        step(i, object.partitioned ? "build" : "attach",
             object.partitioned ? object.build_sql : object.attach_sql);
      }
    }
  }

  /// The foreign keys of one table: one session's work, because they would wait for each other.
  struct KeysOfTable {
    std::vector<std::size_t> keys;
    std::vector<DdlDone> done;  ///< filled by the session's thread, read after it
  };

  void validate() {
    std::map<TableName, KeysOfTable> by_table;
    for (std::size_t i = 0; i < m_objects.size(); ++i) {
      if (!m_objects[i].validate_sql.empty() && !m_states[i].validated && !failed(i)) {
        by_table[m_objects[i].table].keys.push_back(i);
      }
    }
    std::vector<DdlWork> works;
    std::vector<KeysOfTable*> tables;
    for (auto& [name, table] : by_table) {
      tables.push_back(&table);
      works.emplace_back([this, keys = &table](pg::Connection& connection) {
        for (const auto i : keys->keys) {
          const auto start = Clock::now();
          auto error = attempt(connection, m_objects[i].validate_sql);
          keys->done.push_back({i, seconds_since(start), std::move(error)});
          if (!connection.usable()) {
            connection = pg::Connection(m_options.connect);
          }
        }
      });
    }
    run_parallel(m_options.connect, m_options.sessions, works, [&](const DdlDone& work) {
      const auto& table = *tables[work.index];
      for (const auto& done : table.done) {
        tell(done.index, "validate", done.seconds, done.error);
      }
      for (auto k = table.done.size(); k < table.keys.size(); ++k) {
        tell(table.keys[k], "validate", 0, work.error);
      }
    });
  }

  void mark() {
    for (std::size_t i = 0; i < m_objects.size(); ++i) {
      if (!m_objects[i].mark_sql.empty() && !failed(i)) {
        step(i, "mark", m_objects[i].mark_sql);
      }
    }
  }

  const BuildOptions& m_options;
  const std::vector<DeferredObject>& m_objects;
  const Told& m_told;
  bool m_last;  // what fails now is not tried again
  Broken& m_broken;
  std::set<std::size_t> m_waiting;  // failed, to be tried again
  std::set<std::string> m_broken_trees;
  pg::Connection m_connection;
  std::vector<DeferredState> m_states;
};

}  // namespace

int build_deferred(const BuildOptions& options, const std::vector<DeferredObject>& objects,
                   const Told& told) {
  Backoff backoff(options.retry_wait);
  Broken broken;
  for (int left = objects.empty() ? -1 : options.retries; left >= 0; --left) {
    try {
      if (Pass(options, objects, told, broken, left == 0).run_all()) {
        break;
      }
    } catch (const Error& error) {
      if (!error.is_transient() || left == 0) {
        throw;
      }
    }
    if (!sleep_for(backoff.next(), options.connect.cancel)) {
      throw Error(ErrorKind::stopped, "stopped while indexes were built");
    }
  }
  return static_cast<int>(broken.size());
}

}  // namespace pgstride::target
