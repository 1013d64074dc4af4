// Rules documents: TOML whose values are integers in sections, read when a battle
// is created. The one place where a simulation meets TOML, so that the same code
// reads the same document in a server and in a browser.
#pragma once

#include <span>
#include <string_view>

#include "base/result.hpp"
#include "base/types.hpp"

namespace drumline::rules_document {

/// One key of a document: where its number goes and what it may be.
struct Key {
  std::string_view section;  ///< as `name`, of static storage
  std::string_view name;
  i64* value;
  i64 low, high;  ///< both allowed
};

/// Writes what `document` names into the values of `keys`; the others stay as they
/// are. An error names the game, the line, the key, what it holds and what is
/// allowed; then some values may have been written.
Result<void> read(std::string_view game, std::string_view document, std::span<const Key> keys);

/// Sets all `keys`: to what `document` says, and where it says nothing to what `defaults`
/// says, which names every key (asserted). Errors as above. A thread that reads the same
/// document again is given the same numbers without reading it.
Result<void> read_over(std::string_view game, std::string_view document, std::string_view defaults,
                       std::span<const Key> keys);

}  // namespace drumline::rules_document
