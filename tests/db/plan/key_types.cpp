#include "key_types.hpp"

#include <algorithm>

namespace pgstride::test {

std::string prepare_types_sql(bool with_citext) {
  const std::string citext = R"sql(
    CREATE EXTENSION citext;
    CREATE DOMAIN "Strange Name" AS citext;
    CREATE DOMAIN deeper AS "Strange Name" CHECK (VALUE <> 'never');
  )sql";
  return (with_citext ? citext : "") + R"sql(
    CREATE COLLATION swedish (provider = icu, locale = 'sv-SE');
    CREATE COLLATION no_case
      (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE TYPE mood AS ENUM ('zzz', 'sad', 'ok', 'a''b', 'happy', 'Ünïq');
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
  )sql";
}

std::vector<KeyType> key_types(bool with_citext) {
  const std::string words =
      R"((ARRAY['a','B','b','A','Å','ä','z','''','\','"',' ','é','e','E','😀','ß','ss','_','-','%'])[1 + i % 20] || )"
      R"((ARRAY['','x','X',' ','-','\\n','1','10','9'])[1 + (i / 20) % 9] || CASE WHEN i % 3 = 0 THEN i::text ELSE '' END)";
  const std::string word_ends = R"('', ' ', '\', '''', E'\n', 'ÿ', '𝄞', repeat('z', 500))";
  std::vector<KeyType> types{
      {"int2", "int2", "(i % 65535 - 32767)::int2", "-32768, 32767, -1, 0", ""},
      {"int4", "int4", "i - 500000", "-2147483648, 2147483647, -1, 0", ""},
      {"int8", "int8", "i::int8 * i * 7919", "-9223372036854775808, 9223372036854775807, -1", ""},
      {"oid", "oid", "(i::int8 * 4000)::oid", "0, 4294967295", ""},
      {"numeric", "numeric", "(i - 500000) / 97.0::numeric",
       "'NaN', 'Infinity', '-Infinity', 1.0, 1.00, 1e100, -1e-50", ""},
      {"numeric_scaled", "numeric(10,2)", "(i - 500000) / 100.0", "1.00, -99999999.99", ""},
      {"float4", "float4", "sin(i)::float4", "'NaN', 'Infinity', '-Infinity', 0, '-0', 1e-40", ""},
      {"float8", "float8", "exp(i / 3000.0)", "'NaN', 'Infinity', '-Infinity', '-0', 0.1", ""},
      {"date", "date", "date '2024-02-01' + i % 3000",
       "'infinity', '-infinity', '4713-01-01 BC', '5874897-12-31'", ""},
      {"timestamp", "timestamp", "timestamp '2024-02-01' + i * interval '77.000001 s'",
       "'infinity', '-infinity', '0044-03-15 12:00 BC', '1999-12-31 23:59:59.999999'", ""},
      {"timestamptz", "timestamptz", "timestamptz '2024-02-01' + i * interval '1 min'",
       "'infinity', '-infinity', '0044-03-15 12:00 BC', '294276-12-31 23:59:59+00'", ""},
      {"time", "time", "time '00:00' + i * interval '86 ms'", "'24:00', '00:00'", ""},
      {"interval", "interval", "i * interval '1 hour' - interval '1 mon'",
       "'1 mon', '30 days', '720:00:00', '-1 days -02:03:04'", ""},
      {"uuid", "uuid", "md5(i::text)::uuid",
       "'00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'", ""},
      {"bool", "bool", "i % 2 = 0", "true, false", ""},
      {"text_default", "text", words, word_ends, ""},
      {"text_c", "text COLLATE \"C\"", words, word_ends, ""},
      {"text_icu", "text COLLATE swedish", words, word_ends, ""},
      {"text_nondeterministic", "text COLLATE no_case", words, word_ends, ""},
      {"varchar", "varchar(600) COLLATE \"en-x-icu\"", words, word_ends, ""},
      {"bpchar", "char(12)", "left(" + words + ", 12)", "'', 'a', 'a b', 'ÿ'", ""},
      {"name", "name", "(" + words + ")::name", "'', 'a', 'ÿ'", ""},
      {"char", "\"char\"", "(ARRAY['a','b','Z','0','~'])[1 + i % 5]::\"char\"", "'', 'x'", ""},
      {"citext", "citext", words, word_ends, "citext"},
      {"bytea", "bytea", "decode(md5(i::text), 'hex')", R"('\x', '\x00', '\xff', '\x5c27')", ""},
      {"inet", "inet", "inet '10.0.0.0' + i", "'0.0.0.0', '::1', 'ff::/8', '10.0.0.0/8'", ""},
      {"cidr", "cidr", "network(set_masklen(inet '10.0.0.0' + i * 256, 24))::cidr",
       "'0.0.0.0/0', '::/0', '10.0.0.0/8'", ""},
      {"macaddr", "macaddr", "left(md5(i::text), 12)::macaddr", "'ff:ff:ff:ff:ff:ff'", ""},
      {"varbit", "varbit", "i::bit(20)::varbit", "'', '0', '11111111111111111111111'", ""},
      {"enum", "mood", "(enum_range(NULL::mood))[1 + i % 6]", "'zzz', 'Ünïq'", ""},
      {"domain", "positive", "i + 1", "1, 2147483647", ""},
      {"domain_citext", "\"Strange Name\"", words, word_ends, "citext"},
      {"domain_of_domain", "deeper", words, word_ends, "citext"},
      {"range", "int4range", "int4range(i, i + 1 + i % 5)", "'empty', '(,)', '[1,)'", ""},
      {"array", "text[]", "ARRAY[" + words + ", i::text]", "", ""},
  };
  if (!with_citext) {
    types.erase(std::remove_if(types.begin(), types.end(),
                               [](const KeyType& type) { return !type.extension.empty(); }),
                types.end());
  }
  return types;
}

}  // namespace pgstride::test
