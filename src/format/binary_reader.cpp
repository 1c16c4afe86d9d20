#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "format/readers.hpp"

namespace pgstride::format {

namespace {

constexpr std::string_view k_signature("PGCOPY\n\377\r\n\0", 11);
/// Bits 16–31 of the flags tell of things that a reader must know to read on (PostgreSQL
/// documentation, COPY, Binary Format).
constexpr std::uint32_t k_critical_flags = 0xffff0000U;

/// A number in network order.
std::uint32_t number(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes) {
    value = (value << 8U) | static_cast<unsigned char>(c);
  }
  return value;
}

class BinaryReader : public RowReader {
 public:
  BinaryReader(const RowFormat& format, RowSink sink)
      : m_columns(format.columns), m_sink(std::move(sink)) {}

  void write(std::string_view bytes) override {
    while (!bytes.empty()) {
      if (m_payload > 0) {
        take_payload(bytes);
      } else if (const auto token = take_token(bytes); !token.empty()) {
        handle(token);
        m_token.clear();
      }
    }
  }

  void finish() override {
    if (m_state != State::ended) {
      throw_bad_row(m_rows + 1, "the file ends before its trailer");
    }
  }

  [[nodiscard]] std::int64_t rows() const override { return m_rows; }

 private:
  enum class State { signature, flags, extension_length, field_count, field_length, ended };

  [[nodiscard]] std::size_t token_size() const {
    switch (m_state) {
    case State::signature:
      return k_signature.size();
    case State::field_count:
      return 2;
    case State::flags:
    case State::extension_length:
    case State::field_length:
      return 4;
    case State::ended:
      break;
    }
    throw_bad_file("bytes behind the binary trailer");
  }

  /// The next token, or nothing as long as a part of it is missing.
  std::string_view take_token(std::string_view& bytes) {
    const auto size = token_size();
    if (m_token.empty() && bytes.size() >= size) {
      const auto token = bytes.substr(0, size);
      bytes.remove_prefix(size);
      return token;
    }
    const auto part = bytes.substr(0, size - m_token.size());
    m_token.append(part);
    bytes.remove_prefix(part.size());
    return m_token.size() == size ? std::string_view(m_token) : std::string_view();
  }

  void take_payload(std::string_view& bytes) {
    const auto part = bytes.substr(0, std::min(bytes.size(), m_payload));
    if (m_state == State::field_length && m_sink) {
      m_values.append(part);
    }
    bytes.remove_prefix(part.size());
    m_payload -= part.size();
    if (m_payload == 0 && m_state == State::field_length) {
      end_field();
    }
  }

  void handle(std::string_view token) {
    switch (m_state) {
    case State::signature:
      if (token != k_signature) {
        throw_bad_file("no signature of COPY's binary format");
      }
      m_state = State::flags;
      break;
    case State::flags:
      if ((number(token) & k_critical_flags) != 0) {
        throw_bad_file(fmt::format("unknown flags {:08x} in the binary header", number(token)));
      }
      m_state = State::extension_length;
      break;
    case State::extension_length:
      m_payload = length(token);
      m_state = State::field_count;
      break;
    case State::field_count:
      begin_row(static_cast<std::int16_t>(number(token)));
      break;
    case State::field_length:
      begin_field(token);
      break;
    case State::ended:
      break;
    }
  }

  void begin_row(std::int16_t fields) {
    if (fields == -1) {
      m_state = State::ended;
      return;
    }
    if (fields != m_columns) {
      throw_bad_row(m_rows + 1, fmt::format("{} fields instead of {}", fields, m_columns));
    }
    m_fields_left = fields;
    m_state = State::field_length;
    if (m_fields_left == 0) {
      end_row();
    }
  }

  void begin_field(std::string_view token) {
    constexpr std::uint32_t k_null = 0xffffffffU;
    const bool is_null = number(token) == k_null;
    m_payload = is_null ? 0 : length(token);
    if (m_sink) {
      m_spans.push_back({m_values.size(), m_payload, is_null});
    }
    if (m_payload == 0) {
      end_field();
    }
  }

  [[nodiscard]] std::size_t length(std::string_view token) const {
    const auto value = static_cast<std::int32_t>(number(token));
    if (value < 0) {
      throw_bad_row(m_rows + 1, fmt::format("a length of {} bytes", value));
    }
    return static_cast<std::size_t>(value);
  }

  void end_field() {
    if (--m_fields_left == 0) {
      end_row();
    }
  }

  void end_row() {
    ++m_rows;
    m_state = State::field_count;
    if (!m_sink) {
      return;
    }
    m_fields.clear();
    for (const auto& span : m_spans) {
      m_fields.push_back(span.is_null
                             ? Field()
                             : Field(std::string_view(m_values).substr(span.begin, span.length)));
    }
    m_sink(m_fields);
    m_spans.clear();
    m_values.clear();
    if (m_values.capacity() > k_keep_bytes) {
      std::string().swap(m_values);
    }
  }

  struct Span {
    std::size_t begin = 0;
    std::size_t length = 0;
    bool is_null = false;
  };

  int m_columns;
  RowSink m_sink;
  State m_state = State::signature;  ///< what the next token is
  std::size_t m_payload = 0;         ///< bytes of a field, or of the header's extension, to come
  std::string m_token;               ///< the part of a token that earlier pieces had
  int m_fields_left = 0;
  std::string m_values;  ///< of the row's fields, one behind the other
  std::vector<Span> m_spans;
  std::vector<Field> m_fields;
  std::int64_t m_rows = 0;
};

}  // namespace

std::unique_ptr<RowReader> make_binary_reader(const RowFormat& format, RowSink sink) {
  return std::make_unique<BinaryReader>(format, std::move(sink));
}

}  // namespace pgstride::format
