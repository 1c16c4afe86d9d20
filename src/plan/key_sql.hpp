// The SQL of chunk keys: literals, order and comparisons by the operators of the key's operator
// class, schema-qualified (correctness.md, 7). Pure functions; any thread.
#pragma once

#include <string>

#include "pgstride/chunk.hpp"
#include "pgstride/table.hpp"

namespace pgstride::plan {

/// `'5'::pg_catalog.int8`, with the key's collation where the type has one.
std::string key_literal(const KeyColumn& column, const std::string& value);

/// `"a" USING OPERATOR(pg_catalog.<), …`: ascending in all columns.
std::string key_order(const Key& key);

/// `"a" AS k1, "b" AS k2`.
std::string key_columns_as(const Key& key);
/// `k1, k2`.
std::string key_aliases(const Key& key);

/// key ≥ value. NULL, not false, for some rows with a NULL in the key.
std::string key_at_or_above(const Key& key, const KeyValue& value);
/// key < value.
std::string key_below(const Key& key, const KeyValue& value);

/// `"a" IS NOT NULL AND …` over the columns that may be NULL; empty if there are none.
std::string key_not_null(const Key& key);
/// `("a" IS NULL OR …)`; empty if no column may be NULL.
std::string key_has_null(const Key& key);
/// True if rows with a NULL in the key may exist or come.
bool key_nullable(const Key& key);

}  // namespace pgstride::plan
