// What is said of a text or a list in place of a unit, and so which rules it is held to.
#pragma once

#include <cstddef>
#include <string_view>

namespace drumline::config {

inline constexpr std::string_view kAddress = "an address in numbers";
inline constexpr std::string_view kToken = "at least 24 characters";
inline constexpr std::string_view kUrlPath = "a path that begins with /";
inline constexpr std::string_view kFile = "a path";
inline constexpr std::string_view kInterface = "names of network interfaces, at most 8";
inline constexpr std::size_t kMaxInterfaces = 8;
inline constexpr std::size_t kMaxInterfaceName = 15;
inline constexpr std::string_view kPrefix = "ranges of addresses such as 10.0.0.0/8";
inline constexpr std::string_view kOrigin = "origins as browsers send them";

}  // namespace drumline::config
