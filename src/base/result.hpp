// Operating errors as values: Result<T> holds a T or an Error.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "base/assert.hpp"

namespace drumline {

/// What kind of thing went wrong; chooses the exit status and the peer's answer.
enum class ErrorCode {
  invalid_argument,  ///< the caller's words are wrong (exit status 2)
  malformed,         ///< bytes from the wire or the disk do not parse
  corrupt,           ///< bytes parse but their checksum, hash or chain does not hold
  not_found,
  already_exists,
  out_of_range,
  exhausted,    ///< a configured limit is reached
  refused,      ///< a rule forbids it
  unavailable,  ///< the environment does not give it now (port, disk space, peer)
  permission,
  timeout,
  io,
  mismatch,  ///< two things that must agree do not (build id, hash, version)
  internal,
};

/// The code's name in snake_case, for logs, metrics and --json.
const char* error_code_name(ErrorCode code) noexcept;

/// A code and one sentence that names what was wrong, where, and what to do.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;

  /// The same error, told from one level further up: "context: message".
  Error within(const std::string& context) && {
    message = context + ": " + message;
    return std::move(*this);
  }
};

/// A value or an Error. Asking for the one that is not there is asserted.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : held_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const noexcept { return held_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  T& value() & {
    DRUM_ASSERT(ok());
    return std::get<0>(held_);
  }
  const T& value() const& {
    DRUM_ASSERT(ok());
    return std::get<0>(held_);
  }
  T&& value() && {
    DRUM_ASSERT(ok());
    return std::get<0>(std::move(held_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Error& error() & {
    DRUM_ASSERT(!ok());
    return std::get<1>(held_);
  }
  const Error& error() const& {
    DRUM_ASSERT(!ok());
    return std::get<1>(held_);
  }
  Error&& error() && {
    DRUM_ASSERT(!ok());
    return std::get<1>(std::move(held_));
  }

 private:
  std::variant<T, Error> held_;
};

/// Done, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : failed_(true), error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const noexcept { return !failed_; }
  explicit operator bool() const noexcept { return ok(); }
  Error& error() & {
    DRUM_ASSERT(failed_);
    return error_;
  }
  const Error& error() const& {
    DRUM_ASSERT(failed_);
    return error_;
  }
  Error&& error() && {
    DRUM_ASSERT(failed_);
    return std::move(error_);
  }

 private:
  bool failed_ = false;
  Error error_;
};

}  // namespace drumline
