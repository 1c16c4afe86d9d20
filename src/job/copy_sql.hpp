// The COPY options of a job's files, and what begins each file. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "format/row_reader.hpp"
#include "pgstride/options.hpp"
#include "pgstride/table.hpp"

namespace pgstride::job {

/// What goes inside `COPY … WITH ( … )`.
std::string copy_options(const OutputOptions& output);

/// How the files of a table are read again.
format::RowFormat row_format(const OutputOptions& output, std::size_t columns);

/// The bytes of a file that has no rows: its header, or in binary the signature and trailer.
std::string empty_file_bytes(const OutputOptions& output, const std::vector<Column>& columns);

/// The header line of a table's files, or empty.
std::string header_bytes(const OutputOptions& output, const std::vector<Column>& columns);

/// Throws Error (usage) for output options that COPY would refuse, before anything is begun.
void check_output(const OutputOptions& output);

}  // namespace pgstride::job
