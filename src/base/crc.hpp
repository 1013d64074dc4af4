// Checksums: CRC-16/IBM for the wire frame, CRC-32C for what is kept on disk.
// Each has a plain form, one bit at a time, which the tests hold the fast one
// against. All are pure functions, safe on any thread and for any alignment.
#pragma once

#include "base/types.hpp"

namespace drumline {

/// CRC-16/IBM, also called ARC: reflected polynomial 0xA001, no final xor; of
/// "123456789" 0xBB3D. Pass an earlier result as `initial` to go on with it:
/// crc(a ‖ b) = crc(b, crc(a)).
u16 crc16_ibm(Bytes bytes, u16 initial = 0);
u16 crc16_ibm_plain(Bytes bytes, u16 initial = 0);

/// CRC-32C (Castagnoli, RFC 3720 B.4): reflected polynomial 0x82F63B78, inverted
/// at both ends; of "123456789" 0xE3069283. `initial` is an earlier result, as above.
u32 crc32c(Bytes bytes, u32 initial = 0);
u32 crc32c_plain(Bytes bytes, u32 initial = 0);

}  // namespace drumline
