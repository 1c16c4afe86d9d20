#include "messages.hpp"

#include <fmt/format.h>

#include "human.hpp"

namespace pgstride::cli {

namespace {

/// Lines below the message; the label stands there once.
std::string labelled(std::string_view label, std::string_view text) {
  if (text.empty()) {
    return {};
  }
  std::string clean = printable_lines(text);
  clean.erase(clean.find_last_not_of('\n') + 1);
  const bool has_label = clean.compare(0, label.size(), label) == 0;
  return has_label ? clean + "\n" : fmt::format("{}: {}\n", label, clean);
}

}  // namespace

std::string message_text(std::string_view level, std::string_view message, std::string_view hint) {
  std::string clean = printable_lines(message);
  clean.erase(clean.find_last_not_of('\n') + 1);
  return fmt::format("pgstride: {}: {}\n{}", level, clean, labelled("HINT", hint));
}

std::string message_text(const Error& error) {
  std::string fact = error.what();
  if (!error.sqlstate().empty() && fact.find(error.sqlstate()) == std::string::npos) {
    fact += fmt::format(" (SQLSTATE {})", error.sqlstate());
  }
  return message_text("error", fact, "") + labelled("DETAIL", error.detail()) +
         labelled("CONTEXT", error.context()) + labelled("HINT", error.hint());
}

}  // namespace pgstride::cli
