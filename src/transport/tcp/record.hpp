// The record layer of a session over TLS/TCP, without any I/O: one byte stream that
// carries a reliable stream, datagrams, and a word about the session itself.
// docs/formats/tcp.md is the format.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/types.hpp"
#include "transport/session.hpp"

namespace drumline::transport {

enum class RecordKind : u8 {
  reliable = 0,  ///< the next bytes of the reliable stream
  datagram = 1,  ///< one datagram, whole
  open = 2,      ///< from the server, first: the session is open
  close = 3,     ///< the last of its direction: a close code and a reason
  ping = 4,
  pong = 5,
};

inline constexpr std::size_t kRecordHeaderBytes = 3;
/// So that a whole record fits into one of TLS.
inline constexpr std::size_t kMaxRecordPayloadBytes = 16 * 1024 - kRecordHeaderBytes;
inline constexpr std::size_t kMaxCloseTextBytes = 256;

/// `payload` has at most kMaxRecordPayloadBytes.
void append_record(std::vector<std::byte>& out, RecordKind kind, Bytes payload);
/// The reason is cut to kMaxCloseTextBytes, at the end of a character.
void append_close(std::vector<std::byte>& out, CloseCode code, std::string_view reason);

struct CloseRecord {
  CloseCode code = CloseCode::internal;  ///< internal where the number is not one that we know
  std::string reason;                    ///< control characters replaced
};
/// False when `payload` is none of a close record.
bool parse_close(Bytes payload, CloseRecord& out);

/// Cuts what arrives into records. Holds at most one unfinished record.
class RecordReader {
 public:
  enum class Status : u8 { record, more, too_large, unknown_kind };
  struct Record {
    RecordKind kind = RecordKind::reliable;
    Bytes payload;  ///< valid until the next call
  };
  /// Takes from the front of `input` and gives the next whole record. `more`: all of
  /// `input` was taken. After too_large or unknown_kind the stream makes no sense any more.
  Status next(Bytes& input, Record& out);

 private:
  std::vector<std::byte> partial_;  // header and payload so far
  bool partial_done_ = false;       // partial_ was handed out by the last call
};

}  // namespace drumline::transport
