// Named steps at which a test build kills itself: PGSTRIDE_CRASH_AT=step or step:3 (the third
// time). Compiled to nothing unless PGSTRIDE_CRASH_POINTS is defined. Any thread.
#pragma once

namespace pgstride {

#ifdef PGSTRIDE_CRASH_POINTS
/// SIGKILLs the process if the environment names this step. See tests/crash.
void crash_point(const char* step);
#else
inline void crash_point(const char* /*step*/) {}
#endif

}  // namespace pgstride
