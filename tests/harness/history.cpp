#include "harness/history.hpp"

#include <map>
#include <set>

namespace pgstride::test {
namespace {

constexpr const char* k_history = R"sql(
  CREATE SCHEMA history;
  CREATE TABLE history.rows (root text, leaf text, sign int, xid xid8 DEFAULT pg_current_xact_id(),
                             key text, row text);
  CREATE FUNCTION history.brief(r text) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$SELECT CASE WHEN length(r) < 120 THEN r ELSE left(r, 40) || md5(r) END$$;
  -- Arguments: the table in the manifest's words, the key column (or empty).
  CREATE FUNCTION history.record() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE leaf_name text := TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME;
    BEGIN
      IF TG_OP = 'TRUNCATE' THEN
        EXECUTE format('INSERT INTO history.rows (root, leaf, sign, key, row)
                        SELECT %L, %L, -1, to_jsonb(t) ->> %L, history.brief(t::text) FROM ONLY %I.%I t',
                       TG_ARGV[0], leaf_name, TG_ARGV[1], TG_TABLE_SCHEMA, TG_TABLE_NAME);
        RETURN NULL;
      END IF;
      IF TG_OP IN ('UPDATE', 'DELETE') THEN
        INSERT INTO history.rows (root, leaf, sign, key, row)
        VALUES (TG_ARGV[0], leaf_name, -1, to_jsonb(OLD) ->> TG_ARGV[1], history.brief(OLD::text));
      END IF;
      IF TG_OP IN ('UPDATE', 'INSERT') THEN
        INSERT INTO history.rows (root, leaf, sign, key, row)
        VALUES (TG_ARGV[0], leaf_name, 1, to_jsonb(NEW) ->> TG_ARGV[1], history.brief(NEW::text));
      END IF;
      RETURN NULL;
    END $$)sql";

std::optional<std::string> bound(const Json& value) {
  return value.is_array() ? std::optional(value.at(0).get<std::string>()) : std::nullopt;
}

std::string list_of(const std::set<std::int64_t>& numbers) {
  std::string text;
  for (const auto number : numbers) {
    text += (text.empty() ? "" : ", ") + std::to_string(number);
  }
  return text;
}

// Rows that came, less those that went, in what the snapshot sees.
std::string content_sql(PgSession& session, const std::string& root, const std::string& snapshot,
                        const std::string& where) {
  return "SELECT row, sum(sign) AS copies FROM history.rows WHERE root = " + session.literal(root) +
         " AND pg_visible_in_snapshot(xid, " + session.literal(snapshot) + ") AND " + where +
         " GROUP BY row HAVING sum(sign) <> 0";
}

void compare(PgSession& session, const std::string& expected, const std::string& found,
             const std::string& what, Problems& problems) {
  const auto difference = session.exec(
      "SELECT count(*), coalesce(sum(greatest(e.copies, 0) - coalesce(f.copies, 0)), 0),"
      " left(min(coalesce(e.row, f.row)), 150) FROM (" +
      expected + ") e FULL JOIN (" + found +
      ") f ON e.row = f.row WHERE e.copies IS DISTINCT FROM f.copies");
  if (!difference.starts_with("0|")) {
    problems.push_back(what + " differs (rows, lost less added, example): " + difference);
  }
}

std::string found_sql(const std::string& target, const std::string& columns,
                      const std::string& where) {
  return "SELECT row, count(*) AS copies FROM (SELECT " + brief("ROW(" + columns + ")::text") +
         " AS row FROM " + target + " t WHERE " + where + ") x GROUP BY row";
}

class HistoryCheck {
 public:
  HistoryCheck(PgSession& session, LoadBack& back, const Json& status, Problems& problems)
      : m_session(session), m_back(back), m_status(status), m_problems(problems) {}

  void check(const TableKind& kind, const std::string& consistency) {
    const auto& table = *m_back.table_of(kind);
    const auto target = m_back.load(kind, true, m_problems);
    std::string columns;
    for (const auto& column : table.at("columns")) {
      columns += (columns.empty() ? "t." : ", t.") + m_session.quote(column.at("name"));
    }
    std::set<std::string> snapshots;
    for (const auto& group : chunk_groups(m_status, kind.display_name())) {
      check_group(kind, group, target, columns);
      snapshots.insert(group.snapshots.begin(), group.snapshots.end());
    }
    if (consistency == "exact" && snapshots.size() != 1) {
      m_problems.push_back(kind.display_name() + " is called exact but has " +
                           std::to_string(snapshots.size()) + " snapshots");
    }
    if (snapshots.size() == 1) {
      compare(m_session, content_sql(m_session, kind.display_name(), *snapshots.begin(), "true"),
              found_sql(target, columns, "true"), kind.display_name() + " at " + *snapshots.begin(),
              m_problems);
    }
    m_snapshots.insert(snapshots.begin(), snapshots.end());
  }
  [[nodiscard]] const std::set<std::string>& snapshots() const { return m_snapshots; }

 private:
  void check_group(const TableKind& kind, const ChunkGroup& group, const std::string& target,
                   const std::string& columns) {
    const auto what = kind.display_name() + " chunk " + list_of(group.chunks);
    if (group.snapshots.size() != 1) {
      m_problems.push_back(what + ": " + group.kind + " cuts of several snapshots");
      return;
    }
    compare(m_session,
            content_sql(m_session, kind.display_name(), *group.snapshots.begin(),
                        group_condition(m_session, kind, group)),
            found_sql(target, columns, "_chunk IN (" + list_of(group.chunks) + ")"),
            what + " at " + *group.snapshots.begin(), m_problems);
  }

  PgSession& m_session;
  LoadBack& m_back;
  const Json& m_status;
  Problems& m_problems;
  std::set<std::string> m_snapshots;
};

std::string consistency_of(const Json& status, const std::string& table) {
  for (const auto& entry : status.at("tables")) {
    if (entry.at("name") == table) {
      return entry.at("consistency").is_string() ? entry["consistency"].get<std::string>() : "";
    }
  }
  return "missing";
}

}  // namespace

std::vector<ChunkGroup> chunk_groups(const Json& status, const std::string& root) {
  std::map<std::string, ChunkGroup> groups;
  for (const auto& chunk : status.at("chunk_list")) {
    if (chunk.at("table") != root) {
      continue;
    }
    const ChunkGroup group{.leaf = chunk.at("leaf").is_string() ? chunk["leaf"].get<std::string>()
                                                                : root,
                           .kind = chunk.at("kind"),
                           .lower = bound(chunk.at("lower")),
                           .upper = bound(chunk.at("upper"))};
    const auto id = group.leaf + "|" + group.kind + "|" + chunk.at("lower").dump() + "|" +
                    chunk.at("upper").dump();
    auto& known = groups.try_emplace(id, group).first->second;
    known.snapshots.insert(chunk.at("snapshot").is_string() ? chunk["snapshot"].get<std::string>()
                                                            : "none");
    known.chunks.insert(chunk.at("chunk").get<std::int64_t>());
  }
  std::vector<ChunkGroup> result;
  for (auto& [id, group] : groups) {
    result.push_back(std::move(group));
  }
  return result;
}

std::string key_condition(PgSession& session, const TableKind& kind, const ChunkGroup& group,
                          const std::string& key) {
  std::string sql = "true";
  if (group.kind == "null_keys") {
    sql += " AND " + key + " IS NULL";
  }
  if (group.kind == "range") {
    sql += " AND " + key + " IS NOT NULL";
  }
  const auto typed = [&](const std::string& text) {
    return session.literal(text) + "::" + kind.key_type;
  };
  if (group.lower) {
    sql += " AND " + key + "::" + kind.key_type + " >= " + typed(*group.lower);
  }
  if (group.upper) {
    sql += " AND " + key + "::" + kind.key_type + " < " + typed(*group.upper);
  }
  return sql;
}

std::string group_condition(PgSession& session, const TableKind& kind, const ChunkGroup& group) {
  return "leaf = " + session.literal(group.leaf) + " AND " +
         key_condition(session, kind, group, "key");
}

std::string brief(const std::string& row_text) {
  return "history.brief(" + row_text + ")";
}

void start_history(PgSession& session, const std::vector<TableKind>& kinds) {
  session.exec(k_history);
  for (const auto& kind : kinds) {
    if (kind.insert.empty()) {
      continue;
    }
    const auto arguments =
        "(" + session.literal(kind.display_name()) + ", " + session.literal(kind.key) + ")";
    session.exec("BEGIN; LOCK " + kind.quoted() +
                 "; CREATE TRIGGER history AFTER INSERT OR UPDATE OR DELETE ON " + kind.quoted() +
                 " FOR EACH ROW EXECUTE FUNCTION history.record" + arguments);
    session.exec(
        "INSERT INTO history.rows (root, leaf, sign, key, row) SELECT " +
        session.literal(kind.display_name()) +
        ", n.nspname || '.' || c.relname, 1, to_jsonb(t) ->> " + session.literal(kind.key) +
        ", history.brief(t::text) FROM " + kind.quoted() +
        " t JOIN pg_class c ON c.oid = t.tableoid JOIN pg_namespace n ON n.oid = c.relnamespace");
    for (const auto& leaf :
         session.rows("SELECT relid::regclass::text FROM pg_partition_tree('" + kind.quoted() +
                      "') WHERE isleaf UNION SELECT '" + kind.quoted() + "'::regclass::text")) {
      session.exec("CREATE TRIGGER history_truncate BEFORE TRUNCATE ON " + *leaf[0] +
                   " FOR EACH STATEMENT EXECUTE FUNCTION history.record" + arguments);
    }
    session.exec("COMMIT");
  }
}

std::string content_at(PgSession& session, const TableKind& kind, const std::string& snapshot,
                       const std::string& where) {
  return content_sql(session, kind.display_name(), snapshot, where);
}

Problems check_with_history(PgSession& session, const std::filesystem::path& directory,
                            const Json& status, const std::vector<TableKind>& kinds) {
  Problems problems;
  LoadBack back(session, directory);
  back.compare_lists(kinds, problems);
  HistoryCheck check(session, back, status, problems);
  for (const auto& kind : kinds) {
    if (back.table_of(kind) == nullptr) {
      continue;
    }
    if (kind.insert.empty()) {
      back.compare_with_source(kind, problems);
    } else {
      check.check(kind, consistency_of(status, kind.display_name()));
    }
  }
  if (status.at("consistency") == "exact" && check.snapshots().size() != 1) {
    problems.push_back("the job is called exact but has " +
                       std::to_string(check.snapshots().size()) + " snapshots");
  }
  session.exec("DROP SCHEMA back CASCADE");
  return problems;
}

}  // namespace pgstride::test
