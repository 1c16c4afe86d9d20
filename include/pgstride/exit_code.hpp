// The closed set of exit codes of the program; the man page lists them.
#pragma once

namespace pgstride {

enum class ExitCode {
  done = 0,          ///< done, also a finished job run again
  failed = 1,        ///< failed; the job can be resumed
  usage = 2,         ///< bad usage or configuration; nothing was changed
  paused = 3,        ///< paused by a limit, `pause` or SIGTERM; can be resumed
  differs = 4,       ///< verify found differences
  blocked = 5,       ///< check found a blocker
  rejected = 6,      ///< done, with rejected rows
  interrupted = 130  ///< stopped by Ctrl-C; paused, can be resumed
};

}  // namespace pgstride
