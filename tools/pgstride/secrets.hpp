// Passwords on the command line: kept out of the process list and of messages. Pure.
#pragma once

#include <span>
#include <string>

namespace pgstride::cli {

/// Overwrites, length kept, the passwords that a text holds: `password=…` of a connection string or
/// URI, and `://user:…@`.
void mask_secrets(std::span<char> text);
std::string without_secrets(std::string text);

}  // namespace pgstride::cli
