// Which build this is: in --version, the Welcome message, the journal.
#pragma once

namespace drumline::server {

/// "0.1.0"
const char* version();
/// 16 hex digits: a hash over everything that can influence a step (world, games,
/// battle step) and the compiler. Two builds with one id compute the same battles.
const char* build_id();

}  // namespace drumline::server
