#include "target/schema_entries.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>
#include <string_view>

namespace pgstride::target {

namespace {

constexpr std::uint32_t k_class = 1259;  // pg_class
constexpr std::uint32_t k_type = 1247;   // pg_type
constexpr std::string_view k_depends = ";\tdepends on:";

// The number that begins the text, taken off together with what parts it from the next.
std::uint32_t take_number(std::string_view& text) {
  std::uint32_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  text.remove_prefix(static_cast<std::size_t>(result.ptr - text.data()));
  text.remove_prefix(std::min(text.find_first_not_of("; "), text.size()));
  return value;
}

bool begins(const SchemaEntry& entry, std::string_view words) {
  return entry.text.starts_with(words) && entry.text.size() > words.size() &&
         entry.text[words.size()] == ' ';
}

// `TABLE ATTACH …` is a part of tables, without an OID of its own.
bool is_table(const SchemaEntry& entry) {
  return entry.catalog == k_class && begins(entry, "TABLE");
}

bool is_sequence(const SchemaEntry& entry) {
  return entry.catalog == k_class && begins(entry, "SEQUENCE");
}

bool is_domain(const SchemaEntry& entry) {
  return entry.catalog == k_type && begins(entry, "DOMAIN");
}

// Parts of a table or sequence that go with it, before the rows. `TABLE ATTACH` with an OID is a
// table of a schema that is called so.
bool is_part(const SchemaEntry& entry) {
  return is_sequence(entry) || begins(entry, "SEQUENCE OWNED BY") || begins(entry, "DEFAULT") ||
         (begins(entry, "TABLE ATTACH") && entry.catalog == 0) || begins(entry, "COMMENT");
}

bool is_after(const SchemaEntry& entry) {
  return begins(entry, "TRIGGER") || begins(entry, "RULE") || begins(entry, "POLICY") ||
         begins(entry, "ROW SECURITY") || begins(entry, "CHECK CONSTRAINT") ||
         (begins(entry, "STATISTICS") && entry.catalog != 0);  // 0: STATISTICS DATA
}

// Indexes and keys are built from their definitions; what they need must be there.
bool is_built_apart(const SchemaEntry& entry) {
  return begins(entry, "INDEX") || begins(entry, "CONSTRAINT");
}

// Of an extension's or schema's comment the target's owner decides.
bool comment_of_others(const SchemaEntry& entry) {
  return begins(entry, "COMMENT - EXTENSION") || begins(entry, "COMMENT - SCHEMA") ||
         begins(entry, "COMMENT - DATABASE");
}

class Selector {
 public:
  Selector(const std::vector<SchemaEntry>& entries, const std::set<std::uint32_t>& tables,
           const SchemaNeeds& needs)
      : m_entries(entries), m_needs(needs) {
    for (const auto& entry : entries) {
      m_by_id[entry.id] = &entry;
    }
    for (const auto& entry : entries) {
      if (is_table(entry) && tables.contains(entry.oid)) {
        keep(entry);
      }
    }
    for (const auto& entry : entries) {
      if (needs.of_keys.contains({entry.catalog, entry.oid}) && !is_table(entry) &&
          !is_built_apart(entry) && !is_after(entry)) {
        keep(entry);
      }
    }
  }

  SchemaSelection run() {
    add_parts();
    for (const auto& entry : m_entries) {
      if (hangs_on_kept(entry)) {
        add_later(entry);
      }
    }
    add_parts();  // of sequences and functions that came last
    for (const auto& entry : m_entries) {
      if (m_kept.contains(entry.id) && is_table(entry) && !m_needs.members.contains(entry.oid)) {
        m_out.brought.insert(entry.id);
      }
      if (m_after.contains(entry.id) || (begins(entry, "COMMENT") && hangs_on_after(entry))) {
        m_out.after.push_back(entry);
      } else if (m_kept.contains(entry.id)) {
        m_out.before.push_back(entry);
      }
    }
    return std::move(m_out);
  }

 private:
  // An index, key, trigger or the like of a table that is kept.
  void add_later(const SchemaEntry& entry) {
    const auto known = m_needs.left_out.find({entry.catalog, entry.oid});
    if (known != m_needs.left_out.end()) {
      m_out.left_out.push_back(entry.text + ": " + known->second);
    } else if (is_built_apart(entry)) {
      keep_what_it_needs(entry);
    } else if (is_after(entry) && needs_other_table(entry)) {
      m_out.left_out.push_back(entry.text + ": it needs a table that is not copied");
    } else if (is_after(entry)) {
      keep_what_it_needs(entry);
      m_after.insert(entry.id);
    }
  }

  void keep(const SchemaEntry& entry) {
    if (m_kept.insert(entry.id).second) {
      keep_what_it_needs(entry);
    }
  }

  void keep_what_it_needs(const SchemaEntry& entry) {
    for (const auto id : entry.depends) {
      // Indexes of partitions depend on those of their parents.
      if (const auto found = m_by_id.find(id);
          found != m_by_id.end() && !is_built_apart(*found->second)) {
        keep(*found->second);
      }
    }
  }

  // Each part may bring sequences, which have parts themselves.
  void add_parts() {
    for (bool grown = true; grown;) {
      grown = false;
      for (const auto& entry : m_entries) {
        if (!m_kept.contains(entry.id) && is_part(entry) && !comment_of_others(entry) &&
            hangs_on_kept(entry) && !needs_other_table(entry)) {
          keep(entry);
          grown = true;
        }
      }
    }
  }

  // On a table or sequence that is kept; a domain's check, on a domain; a comment, on anything.
  [[nodiscard]] bool hangs_on_kept(const SchemaEntry& entry) const {
    const bool of_domain =
        begins(entry, "CHECK CONSTRAINT") &&
        !any_needed(entry, [](const SchemaEntry& needed) { return is_table(needed); });
    return any_needed(entry, [&](const SchemaEntry& needed) {
      return m_kept.contains(needed.id) &&
             (begins(entry, "COMMENT") || is_table(needed) || is_sequence(needed) ||
              (of_domain && is_domain(needed)));
    });
  }

  template <typename Test>
  [[nodiscard]] bool any_needed(const SchemaEntry& entry, const Test& test) const {
    return std::any_of(entry.depends.begin(), entry.depends.end(), [&](int id) {
      const auto found = m_by_id.find(id);
      return found != m_by_id.end() && test(*found->second);
    });
  }

  [[nodiscard]] bool hangs_on_after(const SchemaEntry& entry) const {
    return std::any_of(entry.depends.begin(), entry.depends.end(),
                       [&](int id) { return m_after.contains(id); });
  }

  [[nodiscard]] bool needs_other_table(const SchemaEntry& entry) const {
    return any_needed(entry, [&](const SchemaEntry& needed) {
      return is_table(needed) && !m_kept.contains(needed.id);
    });
  }

  const std::vector<SchemaEntry>& m_entries;
  const SchemaNeeds& m_needs;
  std::map<int, const SchemaEntry*> m_by_id;
  std::set<int> m_kept;
  std::set<int> m_after;
  SchemaSelection m_out;
};

}  // namespace

std::vector<SchemaEntry> parse_entries(const std::string& listing) {
  std::vector<SchemaEntry> entries;
  std::istringstream lines(listing);
  for (std::string line; std::getline(lines, line);) {
    std::string_view rest = line;
    if (rest.starts_with(k_depends) && !entries.empty()) {
      rest.remove_prefix(std::min(rest.find_first_not_of(' ', k_depends.size()), rest.size()));
      while (!rest.empty()) {
        entries.back().depends.push_back(static_cast<int>(take_number(rest)));
      }
    } else if (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
      SchemaEntry entry;
      entry.line = line;
      entry.id = static_cast<int>(take_number(rest));
      entry.catalog = take_number(rest);
      entry.oid = take_number(rest);
      entry.text = rest;
      entries.push_back(std::move(entry));
    }
  }
  return entries;
}

SchemaSelection select_entries(const std::vector<SchemaEntry>& entries,
                               const std::set<std::uint32_t>& tables, const SchemaNeeds& needs) {
  return Selector(entries, tables, needs).run();
}

std::vector<const SchemaEntry*> domains_of(const SchemaEntry& check,
                                           const std::vector<SchemaEntry>& entries) {
  std::vector<const SchemaEntry*> domains;
  if (!begins(check, "CHECK CONSTRAINT")) {
    return domains;
  }
  for (const auto& entry : entries) {
    const bool needed =
        std::find(check.depends.begin(), check.depends.end(), entry.id) != check.depends.end();
    if (needed && is_table(entry)) {
      return {};
    }
    if (needed && is_domain(entry)) {
      domains.push_back(&entry);
    }
  }
  return domains;
}

}  // namespace pgstride::target
