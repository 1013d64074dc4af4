// QUIC as the server pays for it: full handshakes with mutual TLS, sealing and
// opening a frame's datagram, acknowledgements, and the memory of an idle
// connection. Both ends run in this thread, joined in memory: no socket is timed.
#include <array>
#include <vector>

#include <gnutls/crypto.h>
#include <malloc.h>

#include "bench.hpp"
#include "bench/quic_ends.hpp"

namespace drumline::bench {

namespace {

using transport::CloseCode;
using transport::Session;

constexpr std::size_t kFrameBytes = 1100;

Figure figure(const char* name, double value, const char* unit, u64 n) {
  Figure made;
  made.name = name;
  made.value = value;
  made.unit = unit;
  made.n = n;
  return made;
}

/// Full ones, or such that go on with the ticket of the one before.
Result<void> measure_handshakes(const Options& options, const Report& report, bool resumed) {
  auto made = Ends::make(options.folder, 4096);
  if (!made) return std::move(made).error();
  Ends& ends = **made;
  if (resumed) {
    ends.client.resumption = std::make_shared<transport::QuicResumption>();
    if (auto first = ends.connect(); !first) return std::move(first).error();
  }
  const u64 resumed_before = ends.server->counters().handshakes_resumed;
  ends.server_seconds = 0;
  u64 count = 0;
  const double start = wall_seconds();
  const double cpu_start = thread_cpu_seconds();
  while (wall_seconds() - start < options.seconds) {
    auto session = ends.connect();
    if (!session) return std::move(session).error();
    (*session)->close(CloseCode::none, "");
    ends.clients->flush(ends.now);
    while (ends.exchange()) {
    }
    ends.now += kMillisecondNs;
    ++count;
  }
  const double both = thread_cpu_seconds() - cpu_start;
  const double n = static_cast<double>(count);
  const u64 short_ones = ends.server->counters().handshakes_resumed - resumed_before;
  if (short_ones != (resumed ? count : 0))
    return Error{ErrorCode::internal, std::to_string(short_ones) + " of " + std::to_string(count) +
                                          " handshakes went on with a ticket"};
  report(figure(resumed ? "handshake/resumed" : "handshake/full", n / ends.server_seconds, "1/s", count));
  report(
      figure(resumed ? "handshake/resumed_both_ends" : "handshake/both_ends", both / n * 1e6, "us", count));
  return {};
}

/// Bare AES-128-GCM over as many bytes: what sealing cannot be cheaper than.
double bare_seal_us(double seconds) {
  std::array<u8, 16> key{};
  std::array<u8, 12> nonce{};
  std::vector<u8> plain(kFrameBytes), sealed(kFrameBytes + 16);
  gnutls_datum_t key_datum{key.data(), key.size()};
  gnutls_aead_cipher_hd_t cipher = nullptr;
  if (gnutls_aead_cipher_init(&cipher, GNUTLS_CIPHER_AES_128_GCM, &key_datum) < 0) return 0;
  u64 count = 0;
  const double start = thread_cpu_seconds();
  double elapsed = 0;
  do {
    for (int i = 0; i < 1000; ++i) {
      ++nonce[static_cast<std::size_t>(i) % nonce.size()];
      std::size_t size = sealed.size();
      if (gnutls_aead_cipher_encrypt(cipher, nonce.data(), nonce.size(), key.data(), 13, 16, plain.data(),
                                     plain.size(), sealed.data(), &size) < 0) {
        break;
      }
    }
    count += 1000;
    elapsed = thread_cpu_seconds() - start;
  } while (elapsed < seconds);
  gnutls_aead_cipher_deinit(cipher);
  return elapsed / static_cast<double>(count) * 1e6;
}

Result<void> measure_sessions(const Options& options, const Report& report) {
  const std::size_t connections = options.players == 0 ? 500 : options.players;
  auto made = Ends::make(options.folder, connections);
  if (!made) return std::move(made).error();
  Ends& ends = **made;

  // One connection more than are counted, so that what is made once is not counted.
  // The memory is both ends'; the server's share is told apart by size of use below.
  if (auto first = ends.connect(); !first) return std::move(first).error();
  const std::size_t before = mallinfo2().uordblks;
  for (std::size_t i = 1; i < connections; ++i) {
    if (auto session = ends.connect(); !session) return std::move(session).error();
  }
  for (int i = 0; i < 100; ++i) {
    ends.now += kTickNs;
    ends.exchange();
  }
  const double both_ends =
      static_cast<double>(mallinfo2().uordblks - before) / static_cast<double>(connections - 1);
  report(figure("handshake/idle_memory", both_ends / 2 / 1024, "KiB", connections));

  std::vector<std::byte> frame(kFrameBytes, std::byte{0x5a});
  double sealing = 0, opening = 0, acknowledging = 0;
  u64 sent = 0, refused = 0;
  const double start = wall_seconds();
  const u64 opened_before = ends.at_clients.datagrams;
  while (wall_seconds() - start < options.seconds) {
    ends.now += kTickNs;
    ends.server->advance(ends.now);
    const double at_send = thread_cpu_seconds();
    for (Session* session : ends.at_server.sessions) {
      if (session->send_datagram(frame)) {
        ++sent;
      } else {
        ++refused;
      }
    }
    const double at_sent = thread_cpu_seconds();
    ends.server->flush(ends.now);
    const auto down = ends.from_server.take();
    const double at_open = thread_cpu_seconds();
    ends.clients->receive(down, ends.client_address, ends.now);
    ends.clients->flush(ends.now);
    if (ends.clients->deadline() <= ends.now) ends.clients->on_timer(ends.now);
    const double at_opened = thread_cpu_seconds();
    const auto up = ends.from_clients.take();
    const double at_acknowledge = thread_cpu_seconds();
    ends.server->receive(up, ends.server_address, ends.now);
    if (ends.server->deadline() <= ends.now) ends.server->on_timer(ends.now);
    ends.server->flush(ends.now);
    const double at_acknowledged = thread_cpu_seconds();
    sealing += at_sent - at_send;
    opening += at_opened - at_open;
    acknowledging += at_acknowledged - at_acknowledge + (at_open - at_sent);
  }
  const double n = static_cast<double>(sent);
  Figure seal = figure("handshake/seal", sealing / n * 1e6, "us", sent);
  seal.rival = Figure::Rival{"aes-128-gcm", bare_seal_us(options.seconds / 4)};
  report(seal);
  report(figure("handshake/server_upkeep", acknowledging / n * 1e6, "us", sent));
  const u64 opened = ends.at_clients.datagrams - opened_before;
  report(figure("handshake/open_and_acknowledge", opening / static_cast<double>(opened) * 1e6, "us", opened));
  report(figure("handshake/datagrams_refused", static_cast<double>(refused), "", sent));
  return {};
}

}  // namespace

Result<void> run_handshake(const Options& options, const Report& report) {
  if (auto done = measure_handshakes(options, report, false); !done) return done;
  if (auto done = measure_handshakes(options, report, true); !done) return done;
  return measure_sessions(options, report);
}

}  // namespace drumline::bench
