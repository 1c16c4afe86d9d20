// What a job hands over to change data capture, as its checkpoint has it. Any thread; the store's
// rule holds.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "checkpoint/checkpoint_store.hpp"
#include "handoff/consumer_config.hpp"
#include "job/job.hpp"
#include "pgstride/handoff.hpp"

namespace pgstride::job {

handoff::Handoff read_handoff(const Job& job);

/// Why it can't be handed over to such a consumer, as what is recorded of it says; none if it can.
std::optional<Error> handoff_refusal(const Job& job, const handoff::Handoff& handoff,
                                     Consumer consumer);

/// Which slot a target's subscription reads from: the job's, or a copy of it.
std::string target_slot(const std::string& slot, std::int64_t target);

/// Renders it, piece by piece.
void print_handoff(const Job& job, const handoff::Handoff& handoff, Consumer consumer,
                   const std::function<void(std::string_view)>& print);

/// Writes all that the job can be handed over by into `handoff/` of its directory; nothing for a
/// job without a slot. May be done again.
void write_handoff_files(const Job& job);

}  // namespace pgstride::job
