#include "job/handoff_facts.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "base/durable_file.hpp"
#include "job/copy_sql.hpp"
#include "job/end_step.hpp"
#include "job/settings.hpp"
#include "pg/conninfo_parts.hpp"

namespace pgstride::job {

namespace {

using handoff::Handoff;
using handoff::HandoffTable;

HandoffTable table_of(const ParentTable& parent,
                      const std::map<std::int64_t, checkpoint::PublishedTable>& published) {
  HandoffTable table;
  table.schema = parent.table.schema;
  table.name = parent.table.name;
  table.consistency = parent.table.consistency;
  for (const auto& column : parent.table.columns) {
    table.columns.push_back(column.name);
  }
  for (const auto& leaf : parent.leaves) {
    const auto found = published.find(leaf.table.id);
    if (found == published.end() || !found->second.published) {
      table.published = false;
      table.reason =
          found == published.end() ? "it is not in the publication" : found->second.reason;
    } else if (table.key.empty()) {
      table.key = found->second.identity_columns;
    }
    table.mergeable = table.mergeable && leaf.table.split == Split::key && leaf.table.key &&
                      leaf.table.key->primary;
  }
  return table;
}

handoff::StreamLoadFormat stream_load_format(const Job& job) {
  const auto format = row_format(job.output, 1);
  handoff::StreamLoadFormat out;
  out.header = job.output.header;
  out.quoted = job.output.format == Format::csv;
  out.delimiter = format.delimiter == '\t' ? "\\t" : std::string(1, format.delimiter);
  out.null = format.null;
  switch (job.output.compression.method) {
  case CompressionMethod::gzip:
    out.decompress = "gzip -dc";
    break;
  case CompressionMethod::zstd:
    out.decompress = "zstd -dcq";
    break;
  case CompressionMethod::lz4:
    out.decompress = "lz4 -dcq";
    break;
  case CompressionMethod::none:
    break;
  }
  return out;
}

void print_starrocks(const Job& job, const Handoff& handoff,
                     const std::function<void(std::string_view)>& print) {
  const auto format = stream_load_format(job);
  print(handoff::starrocks_head(handoff, format));
  const auto parents = parent_tables(*job.store);
  for (std::size_t i = 0; i < parents.size(); ++i) {
    for (const auto& leaf : parents[i].leaves) {
      job.store->each_delivery(leaf.table.id, "done", [&](const checkpoint::Delivery& delivery) {
        if (!delivery.result.file.empty()) {
          // A chunk that is redone is another one for StarRocks.
          print(handoff::starrocks_load(
              handoff.tables[i], format,
              {delivery.result.file, fmt::format("{}-{}-{}", job.record.uid.substr(0, 12),
                                                 delivery.chunk.id, delivery.result.xxh3)}));
        }
      });
    }
  }
  print(handoff::starrocks_routine_load(handoff));
}

void write_file(const Job& job, const Handoff& handoff, Consumer consumer, const char* name) {
  const auto path = job.directory / "handoff" / name;
  if (handoff_refusal(job, handoff, consumer)) {
    remove_file(path);  // of a run that could
    return;
  }
  DurableFile file(path);
  print_handoff(job, handoff, consumer, [&](std::string_view text) { file.write(text); });
  file.commit();
}

// Tables of which something was read under a later snapshot than where the changes begin: those in
// between are in the rows already.
std::set<std::int64_t> read_later(const Job& job) {
  std::set<std::int64_t> tables;
  job.store->each_delivery(0, "done", [&](const checkpoint::Delivery& delivery) {
    if (delivery.result.valid_lsn > job.record.start_lsn) {
      tables.insert(delivery.chunk.table_id);
    }
  });
  return tables;
}

}  // namespace

// Names have 63 bytes at most.
std::string target_slot(const std::string& slot, std::int64_t target) {
  if (target == 1) {
    return slot;
  }
  const auto ending = "_" + std::to_string(target);
  return slot.substr(0, 63 - ending.size()) + ending;
}

Handoff read_handoff(const Job& job) {
  const auto& record = job.record;
  Handoff out;
  out.job = job.name;
  out.directory = std::filesystem::absolute(job.directory).lexically_normal().string();
  out.start_lsn = record.start_lsn;
  if (job.slot) {
    out.slot = job.slot->name;
    out.publication = job.slot->publication;
  }
  out.timeline = record.timeline;
  out.consistency = record.consistency;
  out.note = consistency_note(record, *job.store);
  out.conninfo = record.source;
  out.host = pg::conninfo_part(record.source, "host");
  out.port = pg::conninfo_part(record.source, "port");
  out.user = pg::conninfo_part(record.source, "user");
  out.database = record.database;
  const auto published = job.store->published();
  const auto later = record.consistency == "exact" ? std::set<std::int64_t>{} : read_later(job);
  for (const auto& parent : parent_tables(*job.store)) {
    auto& table = out.tables.emplace_back(table_of(parent, published));
    if (std::any_of(parent.leaves.begin(), parent.leaves.end(),
                    [&](const auto& leaf) { return later.contains(leaf.table.id); })) {
      table.mergeable = table.mergeable || (table.consistency == "exact" && !table.key.empty());
      table.consistency = "fuzzy";
    }
    if (!job.slot) {
      out.tables.back().published = false;
      out.tables.back().reason = "the job has no slot";
    }
  }
  for (const auto& target : job.store->targets()) {
    const auto slot = target_slot(out.slot, target.id);
    out.targets.push_back({target.id, target.database, slot, slot});
  }
  return out;
}

std::optional<Error> handoff_refusal(const Job& job, const Handoff& handoff, Consumer consumer) {
  if (consumer == Consumer::json) {
    return std::nullopt;
  }
  const auto refuse = [](const std::string& message, const std::string& hint) {
    return std::optional(Error(ErrorKind::usage, message, hint));
  };
  if (!job.slot) {
    return refuse("the job has no slot: nothing keeps the changes after its rows",
                  "make it with --slot and --publication");
  }
  const bool fuzzy = handoff.consistency != "exact";
  if (consumer == Consumer::subscription && fuzzy) {
    return refuse("the job is fuzzy: PostgreSQL's own apply would stop at the first change that "
                  "its rows hold already",
                  "hand it over to a sink that inserts or updates by key (--to debezium), or make "
                  "it anew with --restart --consistency exact");
  }
  for (const auto& table : handoff.tables) {
    if (fuzzy && table.consistency == "fuzzy" && table.published && !table.mergeable) {
      return refuse(
          fmt::format("table {}.{} is fuzzy and without a key, or not split by its primary "
                      "key: no replay of changes makes it whole",
                      table.schema, table.name),
          "make the job anew with --restart");
    }
  }
  if (consumer == Consumer::subscription && !job.slot->told_besides.empty()) {
    return refuse(
        fmt::format("publication \"{}\" tells changes of {} too, which the job did not "
                    "read: a subscription would put them among the target's own rows",
                    job.slot->publication, job.slot->told_besides),
        "make the job anew with all of them, or with a publication of its tables alone; or "
        "use a consumer that leaves them out, e.g. --to debezium");
  }
  if (consumer == Consumer::subscription &&
      (!job.select.where.empty() || !job.select.columns.empty())) {
    return refuse("the job has --where or --columns: a subscription brings the changes of all rows "
                  "and columns of its tables",
                  "use a consumer that leaves out what the job left out, e.g. --to debezium");
  }
  if (consumer == Consumer::subscription && job.record.verb == "copy" &&
      !load_settings(job.record.settings).map.empty()) {
    return refuse("the job has --map: a subscription applies changes to tables of the source's "
                  "names only",
                  "use a consumer that can rename tables, e.g. --to debezium");
  }
  if (consumer == Consumer::starrocks &&
      (job.record.verb != "export" || job.output.format == Format::binary)) {
    return refuse("StarRocks loads csv and text files, the job has none",
                  "make it with `pgstride export --format csv --null '\\N'`");
  }
  return std::nullopt;
}

void print_handoff(const Job& job, const Handoff& handoff, Consumer consumer,
                   const std::function<void(std::string_view)>& print) {
  switch (consumer) {
  case Consumer::json:
    print(handoff::handoff_json(handoff));
    break;
  case Consumer::debezium:
    print(handoff::debezium_properties(handoff));
    break;
  case Consumer::subscription:
    print(handoff::subscription_sql(handoff));
    break;
  case Consumer::starrocks:
    print_starrocks(job, handoff, print);
    break;
  }
}

void write_handoff_files(const Job& job) {
  if (!job.slot || job.slot->state != "created") {
    return;
  }
  make_directories(job.directory / "handoff");
  const auto handoff = read_handoff(job);
  write_file(job, handoff, Consumer::json, "handoff.json");
  write_file(job, handoff, Consumer::debezium, "debezium.properties");
  const auto connector = job.directory / "handoff" / "debezium-connector.json";
  if (handoff_refusal(job, handoff, Consumer::debezium)) {
    remove_file(connector);
  } else {
    DurableFile file(connector);
    file.write(handoff::debezium_connector_json(handoff));
    file.commit();
  }
  write_file(job, handoff, Consumer::subscription, "subscription.sql");
  write_file(job, handoff, Consumer::starrocks, "starrocks.sh");
  crash_point("handoff_written");
}

}  // namespace pgstride::job
