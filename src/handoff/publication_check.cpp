// What an existing publication would keep from its consumer.
#include <array>
#include <set>

#include <fmt/format.h>

#include "handoff/publications.hpp"
#include "pg/quote.hpp"
#include "pg/text_array.hpp"

namespace pgstride::handoff {

namespace {

constexpr int k_filters_and_lists = 150000;

// A leaf is published by itself, by a partitioned ancestor, or by its schema or an ancestor's.
std::string coverage_query(int server_version) {
  const bool newer = server_version >= k_filters_and_lists;
  return fmt::format(R"sql(
    WITH RECURSIVE tree (leaf, member) AS (
      SELECT wanted.oid, wanted.oid FROM pg_catalog.unnest($2::pg_catalog.oid[]) AS wanted (oid)
       UNION ALL
      SELECT tree.leaf, i.inhparent
        FROM tree
        JOIN pg_catalog.pg_class c ON c.oid = tree.member AND c.relispartition
        JOIN pg_catalog.pg_inherits i ON i.inhrelid = tree.member)
    SELECT tree.leaf,
           pg_catalog.bool_or(r.oid IS NOT NULL OR {}),
           pg_catalog.min(CASE WHEN {} THEN pg_catalog.format('%I.%I', n.nspname, m.relname) END),
           pg_catalog.min(CASE WHEN {} THEN pg_catalog.format('%I.%I', n.nspname, m.relname) END)
      FROM tree
      JOIN pg_catalog.pg_publication p ON p.pubname = $1
      JOIN pg_catalog.pg_class m ON m.oid = tree.member
      JOIN pg_catalog.pg_namespace n ON n.oid = m.relnamespace
      LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = tree.member
     GROUP BY tree.leaf
  )sql",
                     newer ? "EXISTS (SELECT FROM pg_catalog.pg_publication_namespace s "
                             "WHERE s.pnpubid = p.oid AND s.pnnspid = m.relnamespace)"
                           : "false",
                     newer ? "r.prqual IS NOT NULL" : "false",
                     newer ? "r.prattrs IS NOT NULL" : "false");
}

void check_operations(const pg::Result& publication, const std::string& quoted,
                      std::vector<PublicationFault>& faults) {
  std::string missing;
  constexpr std::array k_operations = {"INSERT", "UPDATE", "DELETE", "TRUNCATE"};
  for (int i = 0; i < static_cast<int>(k_operations.size()); ++i) {
    if (!publication.boolean(0, i)) {
      missing += fmt::format("{}{}", missing.empty() ? "" : ", ",
                             k_operations.at(static_cast<std::size_t>(i)));
    }
  }
  if (!missing.empty()) {
    faults.push_back({"it leaves out " + missing,
                      fmt::format("ALTER PUBLICATION {} SET (publish = 'insert, update, delete, "
                                  "truncate')",
                                  quoted)});
  }
}

void check_part(const pg::Result& coverage, int row, int column, const char* what,
                const std::string& quoted, std::vector<PublicationFault>& faults) {
  if (coverage.is_null(row, column)) {
    return;
  }
  const auto table = coverage.text(row, column);
  const PublicationFault fault{
      fmt::format("it has a {} for {}", what, table),
      fmt::format("ALTER PUBLICATION {0} DROP TABLE {1}; ALTER PUBLICATION {0} ADD TABLE {1}",
                  quoted, table)};
  for (const auto& known : faults) {
    if (known.what == fault.what) {
      return;  // of another leaf
    }
  }
  faults.push_back(fault);
}

}  // namespace

std::vector<PublicationFault> publication_faults(pg::Connection& connection,
                                                 const std::string& name,
                                                 const std::vector<PublishedName>& leaves,
                                                 const std::vector<PublishedName>& roots,
                                                 bool via_root) {
  std::vector<PublicationFault> faults;
  const auto quoted = pg::quote_identifier(name);
  const auto publication = connection.query(R"sql(
    SELECT pubinsert, pubupdate, pubdelete, pubtruncate, puballtables, pubviaroot
      FROM pg_catalog.pg_publication WHERE pubname = $1
  )sql",
                                            {name});
  if (publication.rows() == 0) {
    return {{"it is gone", ""}};
  }
  check_operations(publication, quoted, faults);
  if (via_root && !publication.boolean(0, 5)) {
    faults.push_back(
        {"it names changes of partitions after the partition, the job's rows after the parent",
         fmt::format("ALTER PUBLICATION {} SET (publish_via_partition_root = true)", quoted)});
  }
  std::vector<std::uint32_t> oids;
  oids.reserve(leaves.size());
  for (const auto& leaf : leaves) {
    oids.push_back(leaf.oid);
  }
  const auto coverage =
      connection.query(coverage_query(connection.server_version()), {name, pg::array_text(oids)});
  std::set<std::uint32_t> missing(oids.begin(), oids.end());
  for (int row = 0; row < coverage.rows(); ++row) {
    if (publication.boolean(0, 4) || coverage.boolean(row, 1)) {
      missing.erase(static_cast<std::uint32_t>(coverage.int64(row, 0)));
    }
    check_part(coverage, row, 2, "row filter", quoted, faults);
    check_part(coverage, row, 3, "column list", quoted, faults);
  }
  std::set<std::string> told;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const auto table = pg::quote_qualified(roots[i].schema, roots[i].name);
    if (missing.contains(leaves[i].oid) && told.insert(table).second) {
      faults.push_back({fmt::format("it has no table {}", table),
                        fmt::format("ALTER PUBLICATION {} ADD TABLE {}{}", quoted,
                                    roots[i].only ? "ONLY " : "", table)});
    }
  }
  return faults;
}

}  // namespace pgstride::handoff
