#include "format/csv_line.hpp"

#include "format/field_writer.hpp"

namespace pgstride::format {

std::string csv_line(std::span<const Field> fields) {
  static const FieldWriter write = field_writer(Format::csv);
  const FieldStyle style{',', "", fields.size() == 1};
  std::string line;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) {
      line += ',';
    }
    if (fields[i]) {
      const auto begin = line.size();
      line.resize(begin + field_room(fields[i]->size()));
      const char* end = write(style, line.data() + begin, fields[i]->data(), fields[i]->size());
      line.resize(static_cast<std::size_t>(end - line.data()));
    }
  }
  return line + '\n';
}

std::string csv_line(const std::vector<std::string>& fields) {
  return csv_line(std::span<const Field>(std::vector<Field>(fields.begin(), fields.end())));
}

}  // namespace pgstride::format
