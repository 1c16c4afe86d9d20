// Names of enumerations as printed and as options take them. Pure.
#pragma once

#include <string>
#include <string_view>

#include "pgstride/chunk.hpp"
#include "pgstride/error.hpp"
#include "pgstride/job.hpp"
#include "pgstride/table.hpp"

namespace pgstride::cli {

constexpr std::string_view word(Split split) {
  switch (split) {
  case Split::none:
    return "none";
  case Split::key:
    return "key";
  case Split::ctid:
    return "ctid";
  }
  return "?";
}

constexpr std::string_view word(Formatter formatter) {
  switch (formatter) {
  case Formatter::client:
    return "client";
  case Formatter::server:
    return "server";
  }
  return "?";
}

constexpr std::string_view word(ChunkKind kind) {
  switch (kind) {
  case ChunkKind::range:
    return "range";
  case ChunkKind::null_keys:
    return "null_keys";
  case ChunkKind::ctid:
    return "ctid";
  case ChunkKind::whole:
    return "whole";
  case ChunkKind::file:
    return "file";
  }
  return "?";
}

constexpr std::string_view word(Outcome outcome) {
  switch (outcome) {
  case Outcome::done:
    return "done";
  case Outcome::failed:
    return "failed";
  case Outcome::cancelled:
    return "cancelled";
  case Outcome::snapshot_lost:
    return "snapshot_lost";
  }
  return "?";
}

constexpr std::string_view word(ErrorKind kind) {
  switch (kind) {
  case ErrorKind::usage:
    return "usage";
  case ErrorKind::connection:
    return "connection";
  case ErrorKind::server:
    return "server";
  case ErrorKind::lock:
    return "lock";
  case ErrorKind::snapshot:
    return "snapshot";
  case ErrorKind::identity:
    return "identity";
  case ErrorKind::io:
    return "io";
  case ErrorKind::checkpoint:
    return "checkpoint";
  case ErrorKind::in_doubt:
    return "in_doubt";
  case ErrorKind::stopped:
    return "stopped";
  case ErrorKind::internal:
    return "internal";
  }
  return "?";
}

/// The columns of a key as `--key` takes them, `id,created_at`; empty without one.
inline std::string key_columns(const Table& table) {
  std::string out;
  if (table.key) {
    for (const KeyColumn& column : table.key->columns) {
      out += (out.empty() ? "" : ",") + column.name;
    }
  }
  return out;
}

}  // namespace pgstride::cli
