#include "target/type_match.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

namespace pgstride::target {

namespace {

constexpr std::string_view k_range = "values out of range stop the load";
constexpr std::string_view k_rounded = "values are rounded";

struct Pair {
  std::string_view source;
  std::string_view target;
  TypeFit fit;
  std::string_view effect;
};

// Of built-in types by their names in pg_type. Judged by the text, not by pg_cast: a cast rounds
// 1.5 to an integer where the input function refuses it, and there is a cast from date to
// timestamptz, but none from "t" to 1.
constexpr std::array k_pairs = {
    Pair{"int2", "int4", TypeFit::lossless, ""},
    Pair{"int2", "int8", TypeFit::lossless, ""},
    Pair{"int2", "numeric", TypeFit::lossless, ""},
    Pair{"int2", "float4", TypeFit::lossless, ""},
    Pair{"int2", "float8", TypeFit::lossless, ""},
    Pair{"int4", "int2", TypeFit::risky, k_range},
    Pair{"int4", "int8", TypeFit::lossless, ""},
    Pair{"int4", "numeric", TypeFit::lossless, ""},
    Pair{"int4", "float4", TypeFit::risky, k_rounded},
    Pair{"int4", "float8", TypeFit::lossless, ""},
    Pair{"int8", "int2", TypeFit::risky, k_range},
    Pair{"int8", "int4", TypeFit::risky, k_range},
    Pair{"int8", "numeric", TypeFit::lossless, ""},
    Pair{"int8", "float4", TypeFit::risky, k_rounded},
    Pair{"int8", "float8", TypeFit::risky, k_rounded},
    Pair{"numeric", "int2", TypeFit::risky, "values with a fraction or out of range stop the load"},
    Pair{"numeric", "int4", TypeFit::risky, "values with a fraction or out of range stop the load"},
    Pair{"numeric", "int8", TypeFit::risky, "values with a fraction or out of range stop the load"},
    Pair{"numeric", "float4", TypeFit::risky, k_rounded},
    Pair{"numeric", "float8", TypeFit::risky, k_rounded},
    Pair{"float4", "float8", TypeFit::lossless, ""},
    Pair{"float4", "numeric", TypeFit::lossless, ""},
    Pair{"float8", "float4", TypeFit::risky, k_rounded},
    Pair{"float8", "numeric", TypeFit::lossless, ""},
    Pair{"oid", "int8", TypeFit::lossless, ""},
    Pair{"oid", "numeric", TypeFit::lossless, ""},
    Pair{"int4", "oid", TypeFit::risky, k_range},
    Pair{"int8", "oid", TypeFit::risky, k_range},
    Pair{"int2", "bool", TypeFit::risky, "values other than 0 and 1 stop the load"},
    Pair{"int4", "bool", TypeFit::risky, "values other than 0 and 1 stop the load"},
    Pair{"int8", "bool", TypeFit::risky, "values other than 0 and 1 stop the load"},
    Pair{"date", "timestamp", TypeFit::lossless, ""},
    Pair{"date", "timestamptz", TypeFit::risky, "a date becomes its midnight in UTC"},
    Pair{"timestamp", "timestamptz", TypeFit::risky, "values are taken for UTC"},
    Pair{"timestamptz", "timestamp", TypeFit::risky, "values are stored as UTC"},
    Pair{"timestamp", "date", TypeFit::risky, "the time of day is lost"},
    Pair{"timestamptz", "date", TypeFit::risky, "the time of day is lost, days are those of UTC"},
    Pair{"timestamp", "time", TypeFit::risky, "the date is lost"},
    Pair{"time", "timetz", TypeFit::risky, "values are taken for UTC"},
    Pair{"timetz", "time", TypeFit::risky, "the time zone is lost"},
    Pair{"time", "interval", TypeFit::lossless, ""},
    Pair{"interval", "time", TypeFit::risky, "values that are not within a day stop the load"},
    Pair{"json", "jsonb", TypeFit::risky, "spaces, order and doubled keys of objects are lost"},
    Pair{"jsonb", "json", TypeFit::lossless, ""},
    Pair{"cidr", "inet", TypeFit::lossless, ""},
    Pair{"inet", "cidr", TypeFit::risky, "values with bits right of the mask stop the load"},
    Pair{"macaddr", "macaddr8", TypeFit::risky, "ff:fe is put into the middle"},
    Pair{"bit", "varbit", TypeFit::lossless, ""},
    Pair{"varbit", "bit", TypeFit::risky, "values of another length stop the load"},
    Pair{"xid", "xid8", TypeFit::lossless, ""},
};

bool same_type(const Type& source, const Type& target) {
  return source.built_in() || target.built_in()
             ? source.oid == target.oid && source.schema == target.schema
             : source.schema == target.schema && source.name == target.name;
}

bool is_string(const Type& type) {
  return type.category == 'S' || (type.built_in() && type.name == "char");
}

TypeMatch into_string(const Type& source, const Type& target) {
  if (target.built_in() && target.name == "char") {
    return {TypeFit::risky, "values are cut to their first byte"};
  }
  if (target.built_in() && target.name == "name") {
    return {TypeFit::risky, "values are cut to 63 bytes"};
  }
  if (!is_string(source)) {
    return {TypeFit::risky, "values are stored as text"};
  }
  if (source.built_in() && source.name == "bpchar" && target.name != "bpchar") {
    return {TypeFit::risky, "the blanks that pad a value become part of it"};
  }
  return {TypeFit::lossless, ""};
}

TypeMatch match_different(const Type& source, const Type& target) {
  if (is_string(target)) {
    return into_string(source, target);
  }
  if (is_string(source)) {
    return {TypeFit::risky, "values that are not of the target's type stop the load"};
  }
  if (source.built_in() && target.built_in()) {
    const auto* pair = std::find_if(k_pairs.begin(), k_pairs.end(), [&](const Pair& one) {
      return one.source == source.name && one.target == target.name;
    });
    if (pair != k_pairs.end()) {
      return {pair->fit, std::string(pair->effect)};
    }
  }
  if (source.kind == target.kind && source.kind == 'e') {
    return {TypeFit::risky, "labels that the target's type lacks stop the load"};
  }
  if (source.kind == target.kind && source.kind == 'c') {
    return {TypeFit::risky, "values that are not of the target's type stop the load"};
  }
  return {TypeFit::impossible, ""};
}

// The text between the first parenthesis and the next closing one: `10,2`.
std::string_view modifier(const std::string& type) {
  const auto open = type.find('(');
  const auto close = type.find(')', open);
  return open == std::string::npos || close == std::string::npos
             ? std::string_view()
             : std::string_view(type).substr(open + 1, close - open - 1);
}

std::vector<int> numbers(std::string_view text) {
  std::vector<int> out;
  while (!text.empty()) {
    int value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc()) {
      return {};
    }
    out.push_back(value);
    text.remove_prefix(static_cast<std::size_t>(result.ptr - text.data()));
    text.remove_prefix(text.empty() ? 0 : 1);
  }
  return out;
}

bool begins(const std::string& type, std::string_view name) {
  return type.starts_with(name) && (type.size() == name.size() || type[name.size()] == '(' ||
                                    type[name.size()] == ' ' || type[name.size()] == '[');
}

}  // namespace

TypeMatch match_types(const Types& source_types, std::uint32_t source_oid,
                      const Types& target_types, std::uint32_t target_oid) {
  const auto* source = base_type(source_types, source_oid);
  const auto* target = base_type(target_types, target_oid);
  if (source == nullptr || target == nullptr) {
    return {TypeFit::impossible, ""};
  }
  if (source->element != 0 && target->element != 0) {
    return match_types(source_types, source->element, target_types, target->element);
  }
  if (same_type(*source, *target)) {
    return {};
  }
  if (source->subtype != 0 && target->subtype != 0 && source->kind == target->kind) {
    return match_types(source_types, source->subtype, target_types, target->subtype);
  }
  return match_different(*source, *target);
}

TypeMatch match_modifiers(const std::string& source, const std::string& target) {
  const auto given = modifier(source);
  const auto taken = modifier(target);
  if (given == taken || taken.empty()) {
    return {};
  }
  const auto from = numbers(given);
  const auto into = numbers(taken);
  if (begins(target, "numeric")) {
    const auto scale = [](const std::vector<int>& of) { return of.size() < 2 ? 0 : of[1]; };
    if (from.empty() || scale(from) > scale(into)) {
      return {TypeFit::risky, "values with more decimals are rounded, larger ones stop the load"};
    }
    return from[0] - scale(from) <= into[0] - scale(into)
               ? TypeMatch{}
               : TypeMatch{TypeFit::risky, "larger values stop the load"};
  }
  if (begins(target, "timestamp") || begins(target, "time") || begins(target, "interval")) {
    return !from.empty() && !into.empty() && from[0] <= into[0]
               ? TypeMatch{}
               : TypeMatch{TypeFit::risky, "fractions of a second are rounded"};
  }
  if (begins(target, "bit") && !begins(target, "bit varying")) {
    return {TypeFit::risky, "values of another length stop the load"};
  }
  return match_length(source, target);
}

TypeMatch match_length(const std::string& source, const std::string& target) {
  const auto from = numbers(modifier(source));
  const auto into = numbers(modifier(target));
  if (into.empty() || (!from.empty() && from[0] <= into[0])) {
    return {};
  }
  return {TypeFit::risky, "longer values stop the load"};
}

}  // namespace pgstride::target
