// Reads a document of sections with integers, strictly: what is not known, no
// integer or out of range is an error that says in which line.
#pragma once

#include <span>
#include <string_view>

#include "base/result.hpp"
#include "base/types.hpp"

namespace drumline::duel {

/// A number of the document: where it stands, what it may be, where it goes.
struct Number {
  const char* section;
  const char* key;
  i64* value;
  i64 low, high;
};

/// Sets those of `numbers` that the document (TOML) holds. On an error some may be
/// set already.
Result<void> read_document(std::string_view document, std::span<const Number> numbers);

}  // namespace drumline::duel
