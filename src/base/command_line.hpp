// This process's command line, fit to be written down. Any thread.
#pragma once

#include <string>
#include <string_view>

namespace pgstride {

/// A connection string without its password: `password=…` and `://user:…@` become `***`.
std::string hide_password(std::string_view text);

/// Arguments with spaces between them, passwords hidden; empty where /proc is not there.
std::string own_command_line();

}  // namespace pgstride
