// Which build this is: in --version, the Welcome message, the journal, recordings.
#pragma once

namespace drumline::battle {

/// "0.1.0"
const char* version();
/// 16 hex digits: a hash over the sources of all that a step depends on (kernel, step,
/// games). Two programs with one id run the same simulation, whatever compiled them
/// (docs/determinism.md).
const char* simulation_id();
/// 16 hex digits: a hash over simulation_id() and the compiler.
const char* build_id();

}  // namespace drumline::battle
