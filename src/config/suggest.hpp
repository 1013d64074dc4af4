// "Did you mean …?" for a name that nobody knows.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace drumline::config {

/// The known name nearest to `name` by edits, if few enough of them make it that one;
/// empty otherwise.
std::string nearest_name(std::string_view name, std::span<const std::string> known);

/// "; did you mean NEAREST?", or empty.
std::string suggestion(std::string_view name, std::span<const std::string> known);

}  // namespace drumline::config
