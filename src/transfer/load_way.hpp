// How rows go into a table of a target in batches: for modes other than COPY, and where bad rows
// are to be told from good ones. Values; read by any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "format/row_cutter.hpp"
#include "format/row_reader.hpp"
#include "target/insert_sql.hpp"
#include "target/target_table.hpp"

namespace pgstride::transfer {

enum class LoadKind {
  copy,    ///< COPY into the table; in batches only once a COPY of the chunk has failed on its data
  insert,  ///< INSERT … VALUES, of many rows
  stage    ///< COPY into a temporary table, INSERT … SELECT out of it
};

struct LoadWay {
  LoadKind kind = LoadKind::copy;
  bool skip = false;                                 ///< rows in conflict are rejected
  format::RowFormat rows;                            ///< how the rows come
  format::RowDialect dialect;                        ///< where each ends, in files
  std::string table_sql;                             ///< COPY … FROM STDIN of the table
  std::string stage_sql;                             ///< of the temporary table
  std::shared_ptr<const target::TargetTable> table;  ///< that `insert` refers to
  target::InsertInto insert;
  std::optional<target::StagedLoad> staged;  ///< of another kind than `copy`
};

}  // namespace pgstride::transfer
