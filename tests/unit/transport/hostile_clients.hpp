// Clients whose packets are sealed as they should be and hold whatever a test wants.
#pragma once

#include <algorithm>
#include <vector>

#include <ngtcp2/ngtcp2_crypto.h>

#include "quic_world.hpp"

namespace drumline::transport::testing {

class HostileClients final : public QuicClients {
 public:
  HostileClients(env::Random& random, SessionHandler& handler, env::PacketBatch& out)
      : QuicClients({}, random, handler, out) {
    contents = {};
    spared = 0;
    callbacks_.encrypt = encrypt;
  }

  // Of all such clients: ngtcp2 does not say for which connection it seals.
  /// What packets hold instead of what they were made to hold; empty: nothing is changed. What is
  /// shorter than the packet is followed by PADDING.
  static inline Bytes contents;
  /// So many packets are left as they are first.
  static inline u32 spared = 0;
  /// Packets that were changed, ever.
  static inline u64 changed = 0;

 private:
  static int encrypt(u8* to, const ngtcp2_crypto_aead* aead, const ngtcp2_crypto_aead_ctx* key,
                     const u8* text, std::size_t text_bytes, const u8* nonce, std::size_t nonce_bytes,
                     const u8* header, std::size_t header_bytes) {
    std::vector<u8> plain(text, text + text_bytes);
    if (!contents.empty() && spared == 0) {
      ++changed;
      std::fill(plain.begin(), plain.end(), u8{0});
      std::copy_n(reinterpret_cast<const u8*>(contents.data()), std::min(plain.size(), contents.size()),
                  plain.begin());
    } else if (spared > 0) {
      --spared;
    }
    return ngtcp2_crypto_encrypt_cb(to, aead, key, plain.data(), plain.size(), nonce, nonce_bytes, header,
                                    header_bytes);
  }
};

}  // namespace drumline::transport::testing
