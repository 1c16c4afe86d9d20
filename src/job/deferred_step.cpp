#include "job/deferred_step.hpp"

#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/crash_point.hpp"
#include "job/load_plan.hpp"
#include "target/deferred.hpp"
#include "target/deferred_build.hpp"

namespace pgstride::job {

namespace {

using Json = nlohmann::ordered_json;
using target::DeferredObject;

std::string to_text(const DeferredObject& object) {
  Json json;
  json["kind"] = static_cast<int>(object.kind);
  json["schema"] = object.table.schema;
  json["table"] = object.table.name;
  json["name"] = object.name;
  json["tree"] = object.tree;
  json["partitioned"] = object.partitioned;
  json["level"] = object.level;
  json["drop"] = object.drop_sql;
  json["build"] = object.build_sql;
  json["attach"] = object.attach_sql;
  json["validate"] = object.validate_sql;
  json["mark"] = object.mark_sql;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

DeferredObject parse(const std::string& text) {
  try {
    const auto json = Json::parse(text);
    DeferredObject object;
    object.kind = static_cast<target::DeferredKind>(json.at("kind").get<int>());
    object.table = {json.at("schema").get<std::string>(), json.at("table").get<std::string>()};
    json.at("name").get_to(object.name);
    json.at("tree").get_to(object.tree);
    json.at("partitioned").get_to(object.partitioned);
    json.at("level").get_to(object.level);
    json.at("drop").get_to(object.drop_sql);
    json.at("build").get_to(object.build_sql);
    json.at("attach").get_to(object.attach_sql);
    json.at("validate").get_to(object.validate_sql);
    json.at("mark").get_to(object.mark_sql);
    return object;
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::checkpoint,
                fmt::format("a deferred index in checkpoint.db can't be read: {}", error.what()));
  }
}

std::vector<DeferredObject> stored(Job& job, const JobTarget& target) {
  std::vector<DeferredObject> objects;
  for (const auto& text : job.store->deferred(target.record.id)) {
    objects.push_back(parse(text));
  }
  return objects;
}

void store_captured(Job& job, JobTarget& target, const std::vector<DeferredObject>& objects) {
  std::vector<std::string> texts;
  for (const auto& object : objects) {
    texts.push_back(to_text(object));
  }
  target.record.captured = true;
  job.store->put_target(target.record);
  job.store->put_deferred(target.record.id, texts);
  job.note("deferred", fmt::format("{} indexes and constraints of target {} wait for the end",
                                   objects.size(), target.record.id));
}

std::vector<DeferredObject> capture(Job& job, pg::Connection& connection, JobTarget& target) {
  target::DeferOptions options;
  options.keep = target.needed_indexes;
  auto objects = target::capture_deferred(connection, target_names(job), options);
  const auto batch = job.store->batch();
  store_captured(job, target, objects);
  batch->commit();
  crash_point("deferred_captured");
  return objects;
}

}  // namespace

void capture_of_source(Job& job, pg::Connection& source, JobTarget& target) {
  target::DeferOptions options;
  options.primary_keys = true;
  options.of_source = true;
  for (const auto& record : job.store->tables()) {
    if (record.state != "removed") {
      options.chosen.push_back(record.table.oid);
    }
  }
  const auto objects = target::capture_deferred(source, target_names(job), options);
  store_captured(job, target, objects);
}

void drop_deferred_objects(Job& job) {
  if (!job.load.defer_indexes) {
    return;
  }
  for (auto& target : job.targets) {
    // Tables that the job made have none yet; others' may have the names that theirs will have.
    if (job.set_aside.contains({0, target.record.id}) || !target.record.schema_state.empty()) {
      continue;
    }
    auto connection = job.connect_target(target, "deferred");
    const auto objects =
        target.record.captured ? stored(job, target) : capture(job, connection, target);
    target::drop_deferred(connection, objects, job.run.lock_timeout);
    crash_point("deferred_dropped");
  }
}

int build_deferred_objects(Job& job, const JobTarget& target) {
  const auto objects = stored(job, target);
  if (objects.empty()) {
    return 0;
  }
  job.events->info(fmt::format("building {} deferred indexes and constraints", objects.size()));
  target::BuildOptions options;
  options.connect = {target.conninfo, fmt::format("pgstride/{}/build", job.name), job.stop.drain,
                     std::chrono::milliseconds(0)};
  options.sessions = worker_count(job.run);
  options.lock_timeout = job.run.lock_timeout;
  options.retries = job.run.retries;
  options.retry_wait = job.run.retry_wait;
  return target::build_deferred(options, objects, [&](const target::Built& built) {
    const auto what = fmt::format("{} of {}", built.object->name, built.object->table.display());
    if (built.error.empty()) {
      job.events->info(fmt::format("{}: {} done in {:.2f} s", what, built.step, built.seconds));
    } else {
      job.warn(fmt::format("{}: {} failed: {}", what, built.step, built.error),
               built.again ? "it is tried again" : "mend the cause, then `pgstride resume`");
    }
  });
}

void tell_of_bare_tables(Job& job, const JobTarget& target) {
  std::set<std::string> tables;
  for (const auto& record : job.store->tables()) {
    if (record.state != "removed") {
      tables.insert(record.table.display_name());
    }
  }
  std::string names;
  for (const auto& table : tables) {
    names += (names.empty() ? "" : ", ") + table;
  }
  job.warn(fmt::format("target {}: the tables that the job has made stay without their {} indexes "
                       "and keys, and without triggers, policies and the like: {}",
                       target.record.id, stored(job, target).size(), names),
           "their definitions are in schema.dump of the job's directory (pg_restore "
           "--section=post-data)");
}

void tell_of_deferred(Job& job) {
  for (const auto& target : job.targets) {
    if (const auto waiting = job.store->deferred(target.record.id).size(); waiting > 0) {
      job.warn(fmt::format("{} indexes and constraints of target {} are missing until the job ends",
                           waiting, target.record.id),
               "`pgstride resume` finishes the load and builds them");
    }
  }
}

}  // namespace pgstride::job
