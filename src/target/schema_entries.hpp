// The table of contents of a pg_dump archive, and which of its entries some tables need. Pure
// functions; any thread.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "target/schema_needs.hpp"

namespace pgstride::target {

/// One entry, as `pg_restore --list --verbose` prints it:
/// `221; 1259 16608 TABLE app t postgres`, then `;	depends on: 940 218`.
struct SchemaEntry {
  int id = 0;
  std::uint32_t catalog = 0;  ///< OID of the catalog, e.g. 1259 pg_class; 0 for parts of others
  std::uint32_t oid = 0;      ///< in the source; 0 for parts of others
  std::string text;           ///< kind, schema, name and owner: not to be taken apart further
  std::string line;           ///< the whole line, for a list
  std::vector<int> depends;   ///< ids
};

std::vector<SchemaEntry> parse_entries(const std::string& listing);

/// What is restored for some tables. Indexes and their constraints, and foreign keys, are not in
/// it: they are built apart, side by side.
struct SchemaSelection {
  std::vector<SchemaEntry> before;  ///< the tables and what they need: schemas, types, sequences
  std::vector<SchemaEntry> after;   ///< triggers, rules, policies, checks not yet valid, statistics
  std::vector<std::string> left_out;  ///< of `after`, indexes and foreign keys: entries, and why
  std::set<int> brought;              ///< of `before`: ids of tables that nobody chose
};

/// `tables` are OIDs in the source. Tables that a chosen one can't be made without (a parent, one
/// whose row type it uses) come with it. `needs` is what the archive does not tell.
SchemaSelection select_entries(const std::vector<SchemaEntry>& entries,
                               const std::set<std::uint32_t>& tables,
                               const SchemaNeeds& needs = {});

/// A check that is not yet valid, of a domain: of these entries, the domains that it is of or uses.
std::vector<const SchemaEntry*> domains_of(const SchemaEntry& check,
                                           const std::vector<SchemaEntry>& entries);

}  // namespace pgstride::target
