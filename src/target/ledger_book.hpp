// The book of a load in a ledger of the target (ledger.hpp). Belongs to the job's thread.
#pragma once

#include <memory>
#include <string>

#include "target/load_book.hpp"

namespace pgstride::target {

/// `job`: JobRecord::uid; `name`: for people.
std::unique_ptr<LoadBook> ledger_book(const std::string& job, const std::string& name);

}  // namespace pgstride::target
