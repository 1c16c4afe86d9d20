#include "job/freezing.hpp"

#include <map>
#include <string>

#include "job/load_plan.hpp"
#include "target/freeze.hpp"

namespace pgstride::job {

bool may_freeze(const LoadOptions& load, const target::TargetTable& there) {
  return (load.truncate || load.create_schema) && target::may_freeze(there);
}

std::set<std::int64_t> tables_of_one_chunk(Job& job) {
  std::map<std::string, std::int64_t> chunks;
  std::map<std::int64_t, std::string> keys;
  for (const auto& record : job.store->tables()) {
    keys[record.table.id] = table_key(record.table);
  }
  for (const auto& sum : job.store->totals()) {
    chunks[keys.at(sum.table_id)] += sum.chunks;
  }
  const auto targets = static_cast<std::int64_t>(job.targets.size());
  std::set<std::int64_t> single;
  for (const auto& [id, key] : keys) {
    if (chunks[key] <= targets) {
      single.insert(id);
    }
  }
  return single;
}

}  // namespace pgstride::job
