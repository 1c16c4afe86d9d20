// The publications of a job with a slot: which tables they take, and that they are there.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "handoff/publications.hpp"
#include "handoff/replica_identity.hpp"
#include "job/exact_step.hpp"
#include "job/slot_step.hpp"
#include "pg/quote.hpp"

namespace pgstride::job {

namespace {

using handoff::PublishedName;

/// What is to be published of the job's tables.
struct Wanted {
  std::vector<PublishedName> leaves;           ///< of the private publication
  std::vector<PublishedName> consumer_leaves;  ///< whose tables the consumer's takes …
  std::vector<PublishedName> consumer_roots;   ///< … and their tables, place by place
  bool via_root = false;
  std::map<std::uint32_t, checkpoint::PublishedTable> tables;  ///< by oid
};

std::vector<PublishedName> each_once(const std::vector<PublishedName>& names) {
  std::set<std::uint32_t> seen;
  std::vector<PublishedName> out;
  for (const auto& name : names) {
    if (seen.insert(name.oid).second) {
      out.push_back(name);
    }
  }
  return out;
}

/// Why tables can't be told from the job's start on, whatever they are now; by oid.
using Untold = std::map<std::uint32_t, std::string>;

Wanted read_wanted(pg::Connection& source, const std::vector<const Table*>& tables,
                   const Untold& untold) {
  Wanted wanted;
  std::vector<std::uint32_t> oids;
  oids.reserve(tables.size());
  for (const auto* table : tables) {
    oids.push_back(table->oid);
  }
  std::set<std::string> incomplete;  // parents of which a leaf can't be published
  for (auto& found : handoff::replica_identities(source, oids)) {
    wanted.tables[found.oid] = {found.unusable.empty(), found.unusable, found.identity,
                                std::move(found.columns)};
  }
  for (const auto& [oid, why] : untold) {
    if (const auto found = wanted.tables.find(oid); found != wanted.tables.end()) {
      found->second.published = false;
      found->second.reason = why;
    }
  }
  for (const auto* table : tables) {
    const checkpoint::PublishedTable gone{false, "it is gone", 'n', {}};
    if (!wanted.tables.try_emplace(table->oid, gone).first->second.published) {
      incomplete.insert(table->display_name());
    }
  }
  for (const auto* table : tables) {
    if (!wanted.tables.at(table->oid).published) {
      continue;
    }
    const PublishedName leaf{table->leaf_schema, table->leaf_name, table->oid, true};
    wanted.leaves.push_back(leaf);
    if (!incomplete.contains(table->display_name())) {
      // A child by inheritance comes under its own name, and one that the job leaves out may have
      // no replica identity: its deletes would fail.
      const bool partition = table->kind == RelationKind::leaf_partition;
      wanted.consumer_leaves.push_back(leaf);
      wanted.consumer_roots.push_back(
          partition ? PublishedName{table->schema, table->name, table->root_oid, false} : leaf);
      wanted.via_root = wanted.via_root || partition;
    }
  }
  return wanted;
}

// What is kept of a table that was not in the private publication when it was read: changes from
// before it comes in are missing. (An exact resume redoes it, and so brings it to where it is
// told.)
Untold untold_tables(Job& job) {
  Untold untold;
  if (job.slot->state != "created" || resumes_exactly(job)) {
    return untold;
  }
  const auto memberships = job.store->memberships();
  const auto known = job.store->published();
  std::set<std::int64_t> read;
  for (const auto& sum : job.store->totals()) {
    if (sum.done > 0) {
      read.insert(sum.table_id);
    }
  }
  for (const auto& record : job.store->tables()) {
    const auto id = record.table.id;
    if (read.contains(id) && !memberships.contains(id)) {
      const auto before = known.find(id);
      const bool told = before != known.end() && !before->second.reason.empty();
      untold.emplace(record.table.oid,
                     told ? before->second.reason : "it was not published when it was read");
    }
  }
  return untold;
}

void check_any(const Wanted& wanted) {
  if (wanted.consumer_leaves.empty()) {
    std::string why;
    for (const auto& [oid, table] : wanted.tables) {
      why = table.reason.empty() ? why : table.reason;
    }
    throw Error(ErrorKind::usage,
                fmt::format("--slot: none of the tables can be published{}{}",
                            why.empty() ? "" : ", e.g. ", why),
                "give them a primary key or ALTER TABLE … REPLICA IDENTITY FULL, or leave --slot "
                "out");
  }
}

void refuse_faults(const std::string& name, const std::vector<handoff::PublicationFault>& faults) {
  if (faults.empty()) {
    return;
  }
  std::string what;
  std::string remedy;
  for (const auto& fault : faults) {
    what += (what.empty() ? "" : "; ") + fault.what;
    remedy += (remedy.empty() ? "" : "; ") + fault.remedy;
  }
  throw Error(
      ErrorKind::usage,
      fmt::format("publication \"{}\" would keep changes from its consumer: {}", name, what),
      remedy.empty() ? "" : remedy + "; or name a publication that the job can make");
}

void tell_unpublished(Job& job, const std::vector<const Table*>& tables, const Wanted& wanted) {
  const auto known = job.store->published();
  for (const auto* table : tables) {
    const auto& now = wanted.tables.at(table->oid);
    const auto before = known.find(table->id);
    if (!now.published && (before == known.end() || before->second.published)) {
      job.warn(fmt::format("table {} is not published: {}", table->leaf_display_name(), now.reason),
               "its rows are copied, but the slot tells none of its changes; ALTER TABLE … "
               "REPLICA IDENTITY FULL, or a primary key, before the job begins, mends that");
    }
  }
}

// A change tells its chunk only by the old values of the chunk key.
bool changes_tell_chunks(const Table& table, const checkpoint::PublishedTable& published) {
  if (table.split != Split::key || !table.key) {
    return table.split == Split::none;  // its only chunk is all of it
  }
  const auto& identity = published.identity_columns;
  return published.replica_identity == 'f' ||
         std::all_of(table.key->columns.begin(), table.key->columns.end(), [&](const auto& column) {
           return std::find(identity.begin(), identity.end(), column.name) != identity.end();
         });
}

void tell_redone_whole(Job& job, const std::vector<Table>& tables, const Wanted& wanted) {
  std::set<std::string> told;
  for (const auto& table : tables) {
    const auto& published = wanted.tables.at(table.oid);
    const bool one_chunk = job.chunk.chunk_rows ? table.estimated_rows <= *job.chunk.chunk_rows
                                                : table.estimated_bytes <= job.chunk.chunk_bytes;
    if (!published.published || one_chunk || changes_tell_chunks(table, published) ||
        !told.insert(table.display_name()).second) {
      continue;
    }
    const bool by_key = table.split == Split::key;
    job.events->warning(
        fmt::format("after a kill table {} is {} again whole if {}", table.display_name(),
                    transferred(job),
                    by_key ? "a row was updated or deleted: its replica identity does not hold its "
                             "chunk key"
                           : "a row has changed: it is not cut along a key"),
        by_key ? "cut it along its primary key (--key), or ALTER TABLE … REPLICA IDENTITY FULL"
               : "cut it along its primary key");
  }
}

void store_published(Job& job, const std::vector<const Table*>& tables, const Wanted& wanted) {
  const auto batch = job.store->batch();
  for (const auto* table : tables) {
    job.store->put_published(table->id, wanted.tables.at(table->oid));
  }
  batch->commit();
}

Error publication_gone(const std::string& name, const char* why) {
  return {ErrorKind::server,
          fmt::format("publication \"{}\" {}, but the job's slot is read through it", name, why),
          "the changes since can't be told any more; begin again with --restart"};
}

void make_or_extend(Job& job, pg::Connection& session, const std::string& name,
                    const std::vector<PublishedName>& tables, bool via_root) {
  switch (handoff::find_publication(session, name, job.record.uid)) {
  case handoff::Publication::missing:
    if (job.slot->state == "created") {
      throw publication_gone(name, "is gone");
    }
    handoff::make_publication(session, name,
                              handoff::publication_comment(job.record.uid, job.slot->name), tables,
                              via_root);
    job.note("publication", fmt::format("publication \"{}\" was made", name));
    break;
  case handoff::Publication::of_the_job:
    handoff::extend_publication(session, name, tables);
    break;
  case handoff::Publication::of_another_job:
  case handoff::Publication::of_others:
    break;
  }
}

bool is_given(Job& job, pg::Connection& session) {
  const auto& name = job.slot->publication;
  const auto found = handoff::find_publication(session, name, job.record.uid);
  if (found == handoff::Publication::of_another_job) {
    throw Error(ErrorKind::usage,
                fmt::format("publication \"{}\" is of another job of pgstride, which drops it with "
                            "its slot",
                            name),
                fmt::format("take another name; or COMMENT ON PUBLICATION {} IS NULL makes it "
                            "yours, to be kept",
                            pg::quote_identifier(name)));
  }
  return found == handoff::Publication::of_others;
}

// Tables not of the job whose changes the consumer's publication tells too, for people.
std::string told_besides(Job& job, pg::Connection& source) {
  constexpr std::size_t k_shown = 3;
  std::vector<std::uint32_t> oids;
  for (const auto& record : job.store->tables()) {
    if (record.state != "removed") {
      oids.push_back(record.table.oid);
    }
  }
  const auto names = handoff::published_besides(source, job.slot->publication, oids);
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), k_shown); ++i) {
    text += (text.empty() ? "" : ", ") + names[i];
  }
  return names.size() > k_shown ? fmt::format("{} and {} more", text, names.size() - k_shown)
                                : text;
}

// A partition that the job leaves out, or what else a given publication takes.
void look_besides(Job& job, pg::Connection& session) {
  const auto besides = told_besides(job, session);
  if (besides == job.slot->told_besides) {
    return;
  }
  job.slot->told_besides = besides;
  job.store->put_slot(*job.slot);
  if (!besides.empty()) {
    job.warn(fmt::format("publication \"{}\" tells changes of {} too, which the job does not read",
                         job.slot->publication, besides),
             "its consumer must leave them out; a native subscription can't, and is refused");
  }
}

}  // namespace

void check_publications(Job& job, pg::Connection& source, const std::vector<Table>& tables) {
  if (!job.slot) {
    return;
  }
  std::vector<const Table*> all;
  all.reserve(tables.size());
  for (const auto& table : tables) {
    all.push_back(&table);
  }
  const auto wanted = read_wanted(source, all, {});
  check_any(wanted);
  tell_redone_whole(job, tables, wanted);
  if (!job.select.where.empty() || !job.select.columns.empty()) {
    job.events->warning("the slot has the changes of all rows and columns of the tables, whatever "
                        "--where and --columns say",
                        "its consumer must leave out what the job leaves out");
  }
  if (is_given(job, source)) {
    refuse_faults(job.slot->publication,
                  handoff::publication_faults(source, job.slot->publication, wanted.consumer_leaves,
                                              wanted.consumer_roots, wanted.via_root));
  }
}

void make_publications(Job& job) {
  auto session = job.connect("publication");
  const auto records = job.store->tables();
  std::vector<const Table*> tables;
  for (const auto& record : records) {
    if (record.state != "removed" && record.state != "failed") {
      tables.push_back(&record.table);
    }
  }
  const auto wanted = read_wanted(session, tables, untold_tables(job));
  check_any(wanted);
  tell_unpublished(job, tables, wanted);
  make_or_extend(job, session, job.slot->private_publication, wanted.leaves, false);
  crash_point("private_publication_made");
  if (is_given(job, session)) {
    refuse_faults(job.slot->publication, handoff::publication_faults(
                                             session, job.slot->publication, wanted.consumer_leaves,
                                             wanted.consumer_roots, wanted.via_root));
  } else {
    make_or_extend(job, session, job.slot->publication, each_once(wanted.consumer_roots),
                   wanted.via_root);
  }
  store_published(job, tables, wanted);
  look_besides(job, session);
}

}  // namespace pgstride::job
