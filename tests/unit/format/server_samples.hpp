// What PostgreSQL 15.20's COPY over the protocol wrote, byte by byte. Constants.
//
//   create table s (k int, a text, b text);
//   insert into s values
//   (1,'plain','two words'), (2,'','\N'), (3,null,''), (4,null,null), (5,'a,b','say "hi"'),
//   (6,'"','""'), (7,E'line\nfeed',E'cr\rlf\r\n'), (8,'\.','\'),
//   (9,E'tab\tbs\bff\fvt\x0b',E'\x01\x7f'), (10,'ünï😀',' lead'), (11,'NULL','\n'), (12,'''',',');
//   create table one ("a,""b" text);
//   insert into one values ('\.'), (null), (''), ('x'), (E'\n'), ('\\.');
//   create table zero (); -- and two rows
#pragma once

#include <string_view>

namespace pgstride::format::server {

using namespace std::string_view_literals;

/// `copy (select * from s order by k) to stdout (format csv, header)`
inline constexpr auto k_csv = "k,a,b\n"
                              "1,plain,two words\n"
                              "2,\"\",\\N\n"
                              "3,,\"\"\n"
                              "4,,\n"
                              "5,\"a,b\",\"say \"\"hi\"\"\"\n"
                              "6,\"\"\"\",\"\"\"\"\"\"\n"
                              "7,\"line\n"
                              "feed\",\"cr\015lf\015\n"
                              "\"\n"
                              "8,\\.,\\\n"
                              "9,tab\tbs\010ff\014vt\013,\001\177\n"
                              "10,\303\274n\303\257\360\237\230\200, lead\n"
                              "11,NULL,\\n\n"
                              "12,',\",\"\n"sv;

/// `copy (select * from s order by k) to stdout (format csv, null 'NULL', delimiter ';')`
inline constexpr auto k_csv_null = "1;plain;two words\n"
                                   "2;;\\N\n"
                                   "3;NULL;\n"
                                   "4;NULL;NULL\n"
                                   "5;a,b;\"say \"\"hi\"\"\"\n"
                                   "6;\"\"\"\";\"\"\"\"\"\"\n"
                                   "7;\"line\n"
                                   "feed\";\"cr\015lf\015\n"
                                   "\"\n"
                                   "8;\\.;\\\n"
                                   "9;tab\tbs\010ff\014vt\013;\001\177\n"
                                   "10;\303\274n\303\257\360\237\230\200; lead\n"
                                   "11;\"NULL\";\\n\n"
                                   "12;';,\n"sv;

/// `copy (select * from s order by k) to stdout (header)`
inline constexpr auto k_text = "k\ta\tb\n"
                               "1\tplain\ttwo words\n"
                               "2\t\t\\\\N\n"
                               "3\t\\N\t\n"
                               "4\t\\N\t\\N\n"
                               "5\ta,b\tsay \"hi\"\n"
                               "6\t\"\t\"\"\n"
                               "7\tline\\nfeed\tcr\\rlf\\r\\n\n"
                               "8\t\\\\.\t\\\\\n"
                               "9\ttab\\tbs\\bff\\fvt\\v\t\001\177\n"
                               "10\t\303\274n\303\257\360\237\230\200\t lead\n"
                               "11\tNULL\t\\\\n\n"
                               "12\t'\t,\n"sv;

/// `copy (select * from s order by k) to stdout (null 'nix', delimiter ',')`
inline constexpr auto k_text_null = "1,plain,two words\n"
                                    "2,,\\\\N\n"
                                    "3,nix,\n"
                                    "4,nix,nix\n"
                                    "5,a\\,b,say \"hi\"\n"
                                    "6,\",\"\"\n"
                                    "7,line\\nfeed,cr\\rlf\\r\\n\n"
                                    "8,\\\\.,\\\\\n"
                                    "9,tab\\tbs\\bff\\fvt\\v,\001\177\n"
                                    "10,\303\274n\303\257\360\237\230\200, lead\n"
                                    "11,NULL,\\\\n\n"
                                    "12,',\\,\n"sv;

/// `copy (select * from s order by k) to stdout (format binary)`
inline constexpr auto k_binary =
    "PGCOPY\n\377\015\n\000\000\000\000\000\000\000\000\000\000\003\000\000\000"
    "\004\000\000\000\001\000\000\000\005plain\000\000\000\ttwo wo"
    "rds\000\003\000\000\000\004\000\000\000\002\000\000\000\000\000\000\000\002\\N\000"
    "\003\000\000\000\004\000\000\000\003\377\377\377\377\000\000\000\000\000\003\000\000\000\004"
    "\000"
    "\000\000\004\377\377\377\377\377\377\377\377\000\003\000\000\000\004\000\000\000\005\000\000"
    "\000"
    "\003a,b\000\000\000\010say \"hi\"\000\003\000\000\000\004\000\000"
    "\000\006\000\000\000\001\"\000\000\000\002\"\"\000\003\000\000\000\004\000\000\000\007\000"
    "\000\000\tline\nfeed\000\000\000\007cr\015lf\015\n\000"
    "\003\000\000\000\004\000\000\000\010\000\000\000\002\\.\000\000\000\001\\\000\003\000\000"
    "\000\004\000\000\000\t\000\000\000\015tab\tbs\010ff\014vt\013\000"
    "\000\000\002\001\177\000\003\000\000\000\004\000\000\000\n\000\000\000\t\303\274n\303\257"
    "\360\237\230\200\000\000\000\005 lead\000\003\000\000\000\004\000\000\000\013\000"
    "\000\000\004NULL\000\000\000\002\\n\000\003\000\000\000\004\000\000\000\014\000"
    "\000\000\001'\000\000\000\001,\377\377"sv;

/// `copy one to stdout (format csv, header)`
inline constexpr auto k_one_csv = "\"a,\"\"b\"\n"
                                  "\"\\.\"\n"
                                  "\n"
                                  "\"\"\n"
                                  "x\n"
                                  "\"\n"
                                  "\"\n"
                                  "\\\\.\n"sv;

/// `copy one to stdout (header)`
inline constexpr auto k_one_text = "a,\"b\n"
                                   "\\\\.\n"
                                   "\\N\n"
                                   "\n"
                                   "x\n"
                                   "\\n\n"
                                   "\\\\\\\\.\n"sv;

/// `copy zero to stdout (format csv, header)`
inline constexpr auto k_zero_csv = "\n"
                                   "\n"
                                   "\n"sv;

/// `copy zero to stdout (header)`
inline constexpr auto k_zero_text = "\n"
                                    "\n"
                                    "\n"sv;

/// `copy zero to stdout (format binary)`
inline constexpr auto k_zero_binary =
    "PGCOPY\n\377\015\n\000\000\000\000\000\000\000\000\000\000\000\000\000\377"
    "\377"sv;

}  // namespace pgstride::format::server
