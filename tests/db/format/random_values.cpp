#include "db/format/random_values.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace pgstride::test {

using format::ValueKind;

namespace {

// Many bit lengths, and what lies around powers of ten and at the ends.
std::uint64_t number(Random& random) {
  std::uint64_t value = random.bits() >> random.below(64);
  if (random.one_in(3)) {
    std::uint64_t power = 1;
    for (auto digits = random.below(20); digits > 0; --digits) {
      power *= 10;
    }
    value = power + random.below(3) - 1;
  }
  if (random.one_in(20)) {
    value = random.of<std::uint64_t>({0, 1, std::numeric_limits<std::uint64_t>::max(),
                                      0x7fffffffffffffff, 0x8000000000000000, 0x7fffffff,
                                      0x80000000, 0x7fff, 0x8000, 0xffffffff, 0xffff});
  }
  return random.one_in(2) ? value : 0 - value;
}

template <int Bytes> std::string integer(Random& random) {
  return big_endian_bytes(number(random), Bytes);
}

std::string bytes(Random& random, std::uint64_t count) {
  std::string out;
  for (; count > 0; --count) {
    out += static_cast<char>(random.bits());
  }
  return out;
}

// With a fraction of zero to six digits.
std::int64_t microseconds(Random& random, std::int64_t least, std::int64_t most) {
  const auto range = static_cast<std::uint64_t>(most) - static_cast<std::uint64_t>(least) + 1;
  auto value = static_cast<std::int64_t>(static_cast<std::uint64_t>(least) + random.below(range));
  if (random.one_in(3)) {
    value = std::clamp<std::int64_t>(static_cast<std::int64_t>(number(random)), least, most);
  }
  static const std::vector<std::int64_t> steps{1, 10, 1000, 100'000, 1'000'000, 60'000'000};
  const auto step = random.of(steps);
  return std::max(least, value - value % step);
}

std::string timestamp(Random& random) {
  if (random.one_in(50)) {
    return big_endian_bytes(random.one_in(2) ? 0x7fffffffffffffff : 0x8000000000000000, 8);
  }
  // 4714-11-24 BC to 294276-12-31, from 2000-01-01; every second one in our times.
  constexpr std::int64_t k_century = 100 * 365 * 86'400'000'000;
  const auto value = random.one_in(2)
                         ? microseconds(random, -211'813'488'000'000'000, 9'223'371'331'199'999'999)
                         : microseconds(random, -k_century, k_century);
  return big_endian_bytes(static_cast<std::uint64_t>(value), 8);
}

std::string date(Random& random) {
  if (random.one_in(50)) {
    return big_endian_bytes(random.one_in(2) ? 0x7fffffff : 0x80000000, 4);
  }
  const auto days = random.one_in(2) ? random.below(2'147'483'493) - 2'451'545
                                     : random.below(2'000'000) - 1'500'000;
  return big_endian_bytes(days, 4);
}

std::string time_of_day(Random& random) {
  const auto time = random.one_in(50) ? 86'400'000'000 : microseconds(random, 0, 86'399'999'999);
  return big_endian_bytes(static_cast<std::uint64_t>(time), 8);
}

std::string zone(Random& random) {
  static const std::vector<std::uint64_t> steps{1, 60, 900, 3600};
  const auto step = random.of(steps);
  const auto west = random.below(57'599 / step + 1) * step;
  return big_endian_bytes(random.one_in(2) ? west : 0 - west, 4);
}

// Before 15 the server can't print more than 2^31 hours.
std::string interval(Random& random, int major) {
  constexpr std::int64_t k_hours = 3'600'000'000LL * 0x7fffffff;
  if (major >= 15 && random.one_in(100)) {  // infinity since 17
    const auto end = random.one_in(2) ? std::uint64_t{0x7fffffffffffffff} : 0x8000000000000000;
    return big_endian_bytes(end, 8) + big_endian_bytes(end >> 32U, 4) +
           big_endian_bytes(end >> 32U, 4);
  }
  const auto part = [&](int bytes) {
    return big_endian_bytes(random.one_in(3) ? 0 : number(random), bytes);
  };
  auto time = random.one_in(3) ? 0 : static_cast<std::int64_t>(number(random));
  if (random.one_in(4)) {
    time = microseconds(random, -100'000'000'000, 100'000'000'000);
  }
  if (major < 15 && (time > k_hours || time < -k_hours)) {
    time %= k_hours;
  }
  return big_endian_bytes(static_cast<std::uint64_t>(time), 8) + part(4) + part(4);
}

std::string numeric(Random& random) {
  if (random.one_in(30)) {
    return random.of<std::string>({std::string("\0\0\0\0\xc0\0\0\0", 8),
                                   std::string("\0\0\0\0\xd0\0\0\0", 8),
                                   std::string("\0\0\0\0\xf0\0\0\0", 8)});
  }
  const bool huge = random.one_in(2000);
  const auto count = random.below(huge ? 2000 : random.one_in(4) ? 30 : 5);
  const auto weight = random.below(huge ? 30'000 : 8) - random.below(8);
  const auto scale = random.below(huge ? 16'384 : random.one_in(4) ? 60 : 9);
  std::string out = big_endian_bytes(count, 2) + big_endian_bytes(weight, 2) +
                    big_endian_bytes(random.one_in(2) ? 0 : 0x4000, 2) + big_endian_bytes(scale, 2);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto digit = random.below(random.one_in(3) ? 10 : 10'000);
    out += big_endian_bytes(random.one_in(5) ? 0 : digit, 2);
  }
  return out;
}

// A number next to a short decimal that lies exactly halfway: odd × 2^j with many factors of ten.
template <typename Float> Float near_halfway(Random& random) {
  constexpr int k_bits = std::numeric_limits<Float>::digits;
  constexpr std::uint64_t k_least = std::uint64_t{1} << k_bits;
  std::uint64_t fives = 1;
  for (auto power = random.below(k_bits / 3 + 5); power > 0 && fives * 5 < k_least; --power) {
    fives *= 5;
  }
  const auto rest = k_least / fives + random.below(k_least / fives) + 1;
  const auto odd = fives * (rest | 1U);
  const auto mantissa = static_cast<Float>((odd + (random.one_in(2) ? 1 : 0)) / 2);
  return std::ldexp(mantissa, static_cast<int>(random.below(70)) - 5);
}

template <typename Float, typename Bits> std::string floating(Random& random) {
  auto value = std::bit_cast<Float>(static_cast<Bits>(random.bits()));
  switch (random.below(8)) {
  case 0:
    value = static_cast<Float>(static_cast<std::int64_t>(number(random)));
    break;
  case 1:
    value = static_cast<Float>(static_cast<std::int64_t>(random.below(2'000'000)) - 1'000'000) /
            static_cast<Float>(random.of<int>({1, 10, 100, 1000, 100'000}));
    break;
  case 2:
    value = std::ldexp(Float{1}, static_cast<int>(random.below(2200)) - 1100);
    break;
  case 3:
    value = near_halfway<Float>(random);
    break;
  case 4:  // a short decimal
    value = static_cast<Float>(std::stold(std::to_string(random.below(1000)) + "e" +
                                          std::to_string(random.below(60)))) *
            (random.one_in(2) ? 1 : -1);
    break;
  case 5:
    value = random.of<Float>(
        {Float{0}, -Float{0}, std::numeric_limits<Float>::infinity(),
         -std::numeric_limits<Float>::infinity(), std::numeric_limits<Float>::quiet_NaN(),
         std::numeric_limits<Float>::denorm_min(), std::numeric_limits<Float>::max(),
         std::numeric_limits<Float>::min(), std::numeric_limits<Float>::epsilon()});
    break;
  default:
    break;
  }
  return big_endian_bytes(std::bit_cast<Bits>(value), sizeof(Float));
}

std::string text(Random& random) {
  static const std::vector<std::string> parts{"a",
                                              "b",
                                              "word",
                                              " ",
                                              ",",
                                              ";",
                                              "\"",
                                              "\"\"",
                                              "\n",
                                              "\r",
                                              "\r\n",
                                              "\t",
                                              "\b",
                                              "\f",
                                              "\v",
                                              "\\",
                                              "\\.",
                                              "\\N",
                                              "null",
                                              "NULL",
                                              "{",
                                              "}",
                                              "\x01",
                                              "\x0e",
                                              "\x0f",
                                              "\x10",
                                              "\x7f",
                                              "ü",
                                              "😀",
                                              "\u2028",
                                              "0",
                                              "-1",
                                              "|",
                                              "'",
                                              "0123456789abcdef",
                                              "The quick brown fox "};
  std::string out;
  for (auto count = random.one_in(50) ? random.below(1000) : random.below(6); count > 0; --count) {
    out += random.one_in(3) ? "plain" : random.of(parts);
  }
  return out;
}

std::string json(Random& random) {
  static const std::vector<std::string> values{
      "1",     "-0.5e3", "null", "true",   R"("a\"b")", R"("line\nend")",
      R"("")", "[]",     "{}",   R"("ü")", R"(",")",    R"("0123456789012345678901234567890")"};
  std::string out = "{";
  for (auto count = random.below(5) + 1; count > 0; --count) {
    out += "\"k" + std::to_string(random.below(100)) + "\": " + random.of(values) +
           (count > 1 ? ", " : "");
  }
  return "\x01" + out + "}";
}

// Words of zero often, as in addresses of computers.
std::string address(Random& random, bool cidr) {
  const bool v6 = random.one_in(2);
  const unsigned size = v6 ? 16 : 4;
  std::string out;
  for (unsigned i = 0; i < size; i += 2) {
    const auto word = random.one_in(2) ? std::uint64_t{0} : random.bits() >> random.below(16);
    out += big_endian_bytes(random.one_in(12) ? 0xffff : word, 2);
  }
  const unsigned most = size * 8;
  auto bits = random.one_in(2) ? most : static_cast<unsigned>(random.below(most + 1));
  if (cidr) {  // no bits to the right of the mask
    for (unsigned i = bits; i < most; ++i) {
      out[i / 8] = static_cast<char>(static_cast<unsigned char>(out[i / 8]) & ~(0x80U >> (i % 8)));
    }
  }
  return std::string{v6 ? '\3' : '\2', static_cast<char>(bits), cidr ? '\1' : '\0',
                     static_cast<char>(size)} +
         out;
}

std::string bit_string(Random& random) {
  const auto bits = random.below(random.one_in(20) ? 500 : 20);
  auto out = bytes(random, (bits + 7) / 8);
  if (bits % 8 != 0) {
    out.back() = static_cast<char>(static_cast<unsigned char>(out.back()) & (0xff00U >> bits % 8));
  }
  return big_endian_bytes(bits, 4) + out;
}

}  // namespace

std::string big_endian_bytes(std::uint64_t value, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift);
  }
  return out;
}

std::vector<RandomType> random_types(int major) {
  const auto interval_kind = major < 17 ? ValueKind::finite_interval : ValueKind::interval;
  return {
      {"bool", ValueKind::boolean, [](Random& r) { return std::string(1, r.one_in(2) ? 1 : 0); }},
      {"int2", ValueKind::int2, integer<2>},
      {"int4", ValueKind::int4, integer<4>},
      {"int8", ValueKind::int8, integer<8>},
      {"oid", ValueKind::oid, integer<4>},
      {"xid", ValueKind::oid, integer<4>},
      {"xid8", ValueKind::xid8, integer<8>},
      {"float4", ValueKind::float4, floating<float, std::uint32_t>},
      {"float8", ValueKind::float8, floating<double, std::uint64_t>},
      {"numeric", ValueKind::numeric, numeric},
      {"text", ValueKind::text, text},
      {"varchar", ValueKind::text, text},
      {"bpchar", ValueKind::text, text},
      {"jsonb", ValueKind::jsonb, json},
      {"bytea", ValueKind::bytea, [](Random& r) { return bytes(r, r.below(80)); }},
      {"uuid", ValueKind::uuid, [](Random& r) { return bytes(r, 16); }},
      {"date", ValueKind::date, date},
      {"time", ValueKind::time, time_of_day},
      {"timetz", ValueKind::timetz, [](Random& r) { return time_of_day(r) + zone(r); }},
      {"timestamp", ValueKind::timestamp, timestamp},
      {"timestamptz", ValueKind::timestamptz, timestamp},
      {"interval", interval_kind, [major](Random& r) { return interval(r, major); }},
      {"inet", ValueKind::inet, [](Random& r) { return address(r, false); }},
      {"cidr", ValueKind::cidr, [](Random& r) { return address(r, true); }},
      {"macaddr", ValueKind::macaddr, [](Random& r) { return bytes(r, 6); }},
      {"macaddr8", ValueKind::macaddr8, [](Random& r) { return bytes(r, 8); }},
      {"varbit", ValueKind::bit, bit_string},
  };
}

std::string random_array(Random& random, const RandomType& type, std::uint32_t element_oid) {
  const auto count = random.one_in(4) ? random.below(7) : random.below(2);
  std::string dimensions;
  std::uint64_t elements = count == 0 ? 0 : 1;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto length = random.below(count > 2 ? 3 : 6) + 1;
    const auto lower = random.one_in(4) ? random.below(100) - 50 : 1;
    dimensions += big_endian_bytes(length, 4) + big_endian_bytes(lower, 4);
    elements *= length;
  }
  std::string values;
  bool nulls = false;
  for (std::uint64_t i = 0; i < elements; ++i) {
    const bool null = random.one_in(5);
    nulls = nulls || null;
    const auto value = null ? "" : type.value(random);
    values += big_endian_bytes(null ? ~std::uint64_t{0} : value.size(), 4) + value;
  }
  return big_endian_bytes(count, 4) + big_endian_bytes(nulls ? 1 : 0, 4) +
         big_endian_bytes(element_oid, 4) + dimensions + values;
}

}  // namespace pgstride::test
