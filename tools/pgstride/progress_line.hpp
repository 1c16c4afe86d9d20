// One line that says how far a job is: for the bar of a terminal and for plain output. Pure.
#pragma once

#include <string>

#include "pgstride/events.hpp"

namespace pgstride::cli {

/// The bar, at most `width` columns: what matters least is left out first.
std::string bar_line(const std::string& job, const Progress& progress, int width);

/// The same facts without the bar.
std::string plain_line(const Progress& progress);

/// `[####      ]`, `cells` wide between the brackets.
std::string bar_cells(double percent, int cells, bool blocks);

/// Whole percent, rounded down: 100 is said only when all chunks are done.
int shown_percent(const Progress& progress);

}  // namespace pgstride::cli
