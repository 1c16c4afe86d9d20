#include "format/value_formatter.hpp"

#include <array>

#include "format/formatters.hpp"

namespace pgstride::format {

namespace {

constexpr std::string_view k_whole = "-0123456789";
constexpr std::string_view k_decimal = "-+.0123456789eNaInfity";
constexpr std::string_view k_date = "-0123456789 BCinfty";
constexpr std::string_view k_clock = "0123456789:.+-";
constexpr std::string_view k_stamp = "0123456789:.+- BCinfty";
constexpr std::string_view k_interval = "0123456789:.+- yearmondsinfty";
constexpr std::string_view k_address = "0123456789abcdef.:/";
constexpr std::string_view k_hex = "0123456789abcdef:-";
constexpr std::string_view k_any;

constexpr ValueFormatter small(std::size_t size, ValueFormatter::Small function,
                               std::string_view alphabet) {
  return {size, function, nullptr, alphabet};
}

constexpr ValueFormatter large(ValueFormatter::Large function, std::string_view alphabet) {
  return {0, nullptr, function, alphabet};
}

/// By ValueKind.
constexpr std::array<ValueFormatter, 25> k_formatters{
    small(1, format_boolean, "tf"),
    small(2, format_int2, k_whole),
    small(4, format_int4, k_whole),
    small(8, format_int8, k_whole),
    small(4, format_uint4, k_whole),
    small(8, format_uint8, k_whole),
    small(4, format_float4, k_decimal),
    small(8, format_float8, k_decimal),
    large(format_numeric, k_decimal),
    large(format_text, k_any),
    large(format_jsonb, k_any),
    large(format_bytea, "\\x0123456789abcdef"),
    small(16, format_uuid, k_hex),
    small(4, format_date, k_date),
    small(8, format_time, k_clock),
    small(12, format_timetz, k_clock),
    small(8, format_timestamp, k_stamp),
    small(8, format_timestamptz, k_stamp),
    small(16, format_interval, k_interval),
    small(16, format_finite_interval, k_interval),
    small(0, format_inet, k_address),
    small(0, format_cidr, k_address),
    small(6, format_macaddr, k_hex),
    small(8, format_macaddr, k_hex),
    large(format_bit, k_any),  // a bit varying may be empty
};
static_assert(k_formatters.size() == static_cast<std::size_t>(ValueKind::bit) + 1);

}  // namespace

const ValueFormatter& value_formatter(ValueKind kind) {
  return k_formatters.at(static_cast<std::size_t>(kind));
}

}  // namespace pgstride::format
