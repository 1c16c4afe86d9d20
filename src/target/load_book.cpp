#include "target/load_book.hpp"

#include <fmt/format.h>

namespace pgstride::target {

std::string base_word(TableBase base) {
  switch (base) {
  case TableBase::created:
    return "created";
  case TableBase::truncated:
    return "truncated";
  case TableBase::empty:
    return "empty";
  case TableBase::held_rows:
    break;
  }
  return "held rows";
}

TableBase base_of(std::string_view word) {
  for (const auto base : {TableBase::created, TableBase::truncated, TableBase::empty}) {
    if (word == base_word(base)) {
      return base;
    }
  }
  return TableBase::held_rows;
}

namespace {

std::map<std::string, const BookedTable*> by_key(const std::vector<BookedTable>& tables) {
  std::map<std::string, const BookedTable*> found;
  for (const auto& table : tables) {
    found.emplace(table.key, &table);
  }
  return found;
}

// A table can be emptied once those that refer to it are. Adds those that can't.
void empty_all_again(TableStarter& starter, std::vector<const BookedTable*> tables,
                     RefusedTables& refused) {
  RefusedTables still;
  for (std::size_t before = tables.size() + 1; tables.size() < before;) {
    before = tables.size();
    still.clear();
    std::erase_if(tables, [&](const BookedTable* table) {
      auto why = starter.empty_again(*table);
      const bool emptied = why.empty();
      if (!emptied) {
        still[table->key] = std::move(why);
      }
      return emptied;
    });
  }
  refused.merge(still);
}

}  // namespace

void check_tables(const std::vector<BookedTable>& known, const std::vector<BookedTable>& tables) {
  const auto booked = by_key(known);
  for (const auto& table : tables) {
    const auto entered = booked.find(table.key);
    if (entered != booked.end() && table.oid != 0 && table.oid != entered->second->oid) {
      throw Error(ErrorKind::checkpoint,
                  fmt::format("table {} of the target was dropped and made again since the job "
                              "began: what the job had loaded into it is gone",
                              table.name.display()),
                  "begin again with --restart, or leave it out in another job");
    }
  }
}

RefusedTables start_each(TableStarter& starter, const std::vector<BookedTable>& known,
                         const std::vector<BookedTable>& tables) {
  check_tables(known, tables);
  const auto booked = by_key(known);
  RefusedTables refused;
  std::vector<const BookedTable*> again;
  for (const auto& table : tables) {
    const auto entered = booked.find(table.key);
    if (entered == booked.end()) {
      starter.enter(table);
    } else if (entered->second->generation > table.generation) {
      refused[table.key] = "it was loaded again by another copy of the job's directory, or by this "
                           "one before it was restored";
    } else if (entered->second->generation < table.generation && !starter.has_loaded(table)) {
      starter.raise(table);
    } else if (entered->second->generation < table.generation &&
               entered->second->base == TableBase::held_rows) {
      refused[table.key] =
          "it held rows before the job, so what the job has loaded can't be told from them";
    } else if (entered->second->generation < table.generation) {
      again.push_back(&table);
    }
  }
  empty_all_again(starter, std::move(again), refused);
  return refused;
}

std::string LoadBook::unload(pg::Connection& /*connection*/, const TableName& /*table*/,
                             const std::vector<LoadedRange>& /*ranges*/) {
  return "without a ledger in the target rows and what is known of them can't change together";
}

}  // namespace pgstride::target
