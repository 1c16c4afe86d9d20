// Native subscriptions on a job's targets: made so that they go on exactly where the rows end
// (correctness.md, 4). Uses the job's thread.
#pragma once

#include <string>
#include <vector>

#include "handoff/consumer_config.hpp"
#include "job/job.hpp"
#include "pgstride/handoff.hpp"

namespace pgstride::job {

/// Throws Error unless the job's slot is there with its WAL; warns where somebody has read from it
/// beyond the job's start, which no other consumer can get back.
void check_slot_usable(Job& job, pg::Connection& source);

/// Of an export: the databases that its files were loaded into, as the targets of its hand-off.
/// Throws Error (usage) without any.
void name_targets(Job& job, const std::vector<std::string>& conninfos);

/// On each of `job.targets`: its own slot (the first has the job's, further ones a copy), the
/// subscription, its origin at the job's start, enabled; then waits until all have what the source
/// had by then. What an earlier call has made is taken up. Throws Error: usage, server, connection,
/// stopped (the subscriptions go on by themselves).
std::vector<Subscribed> subscribe_targets(Job& job, handoff::Handoff handoff);

}  // namespace pgstride::job
