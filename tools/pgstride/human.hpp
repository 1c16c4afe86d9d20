// Numbers, times and names as people read them on a terminal. Pure, but for the locale's widths of
// characters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgstride::cli {

/// `1,234,567`.
std::string count_text(std::int64_t count);
/// `589.5k`, for rates: three to four digits and k, M or G.
std::string short_count(double count);
/// `1 table`, `3 tables`.
std::string counted(std::int64_t count, std::string_view noun);
/// `512 B`, `64.0 MB`: powers of 1024.
std::string bytes_text(double bytes);
/// `0.42 s`, `12.3 s`, `2 min 5 s`, `3 h 04 min`, `2 d 3 h`.
std::string seconds_text(double seconds);
/// As seconds_text, but no finer than it can be known: it does not jump about.
std::string eta_text(const std::optional<double>& seconds);
/// `2026-11-21 09:00:31 UTC`; `-` for 0.
std::string time_text(std::int64_t microseconds);
/// `2026-11-21T09:00:31.123456Z`.
std::string time_iso(std::int64_t microseconds);

/// A name with its control characters and broken UTF-8 escaped (`\n`, `\x1b`), so that it can't
/// move the cursor.
std::string printable(std::string_view name);
/// As printable, but line ends stay: messages of servers have several lines.
std::string printable_lines(std::string_view text);
/// A word that a shell reads back as the text: quoted only where it must be.
std::string shell_word(std::string_view text);
/// Columns that a printable text takes on a terminal.
int display_width(std::string_view text);
/// Cut to `width` columns, with `…` (or `~` without UTF-8) where something was cut.
std::string fit(std::string_view text, int width);
/// Parted at blanks into lines of at most `width` columns, the second and later ones behind
/// `indent` blanks; as it is if the width is 0.
std::string wrapped(std::string_view text, int width, int indent);
/// True if the locale can print block characters and `…`.
bool utf8_locale();

}  // namespace pgstride::cli
