#include "transfer/copy_context.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace pgstride::transfer {

namespace {

/// Where something stands in a context.
struct Place {
  std::size_t begin = 0;
  std::size_t end = 0;
  [[nodiscard]] bool empty() const { return begin == end; }
};

// The line of the context that is COPY's own. A value that it shows may have lines itself.
Place copy_place(const std::string& context) {
  constexpr std::string_view k_copy = "COPY ";
  const bool first = context.starts_with(k_copy);
  const auto before = first ? std::string::npos : context.find("\n" + std::string(k_copy));
  if (!first && before == std::string::npos) {
    return {};
  }
  const auto begin = first ? 0 : before + 1;
  return {begin, std::min(context.find('\n', begin), context.size())};
}

// The digits behind `, line `.
Place number_place(const std::string& context) {
  constexpr std::string_view k_mark = ", line ";
  const auto copy = copy_place(context);
  const auto mark = context.find(k_mark, copy.begin);
  if (copy.empty() || mark >= copy.end) {
    return {};
  }
  Place digits{mark + k_mark.size(), mark + k_mark.size()};
  while (digits.end < copy.end &&
         std::isdigit(static_cast<unsigned char>(context[digits.end])) != 0) {
    ++digits.end;
  }
  return digits;
}

}  // namespace

std::int64_t context_line(const std::string& context) {
  std::int64_t line = 0;
  const auto [begin, end] = number_place(context);
  for (auto i = begin; i < end; ++i) {
    line = line * 10 + (context[i] - '0');
  }
  return line;
}

std::string with_context_line(const std::string& context, std::int64_t line) {
  const auto digits = number_place(context);
  auto out = context;
  if (!digits.empty()) {
    out.replace(digits.begin, digits.end - digits.begin, std::to_string(line));
  }
  return out;
}

std::string context_column(const std::string& context) {
  constexpr std::string_view k_mark = ", column ";
  const auto copy = copy_place(context);
  const auto mark = context.find(k_mark, copy.begin);
  if (copy.empty() || mark >= copy.end) {
    return "";
  }
  const auto begin = mark + k_mark.size();
  return context.substr(begin, std::min(context.find(':', begin), copy.end) - begin);
}

}  // namespace pgstride::transfer
