#include "transport/quic/quic_connection.hpp"

#include <algorithm>
#include <array>

#include <malloc.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include "base/prefetch.hpp"
#include "env/phase_clock.hpp"
#include "transport/quic/http3_link.hpp"
#include "transport/quic/quic_endpoint.hpp"

namespace drumline::transport {

namespace {

ngtcp2_tstamp timestamp(TimeNs now) {
  return static_cast<ngtcp2_tstamp>(now);
}

Bytes bytes_of(const u8* data, std::size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

ngtcp2_vec vec_of(Bytes bytes) {
  return {reinterpret_cast<u8*>(const_cast<std::byte*>(bytes.data())), bytes.size()};
}

}  // namespace

QuicConnection::QuicConnection(QuicEndpoint& owner, bool server)
    : owner_(owner), send_buffer_(owner.settings().reliable_send_bytes), server_(server) {}

QuicConnection::~QuicConnection() {
  if (conn_ != nullptr) ngtcp2_conn_del(conn_);
}

ngtcp2_conn* QuicConnection::conn_of(ngtcp2_crypto_conn_ref* ref) {
  return static_cast<QuicConnection*>(ref->user_data)->conn_;
}

Result<void> QuicConnection::start_tls(const std::shared_ptr<const TlsCredentials>& credentials,
                                       TlsHandshake::Options options) {
  auto tls = TlsHandshake::start(credentials, std::move(options), &QuicConnection::conn_of, this);
  if (!tls) return std::move(tls).error();
  tls_ = std::move(*tls);
  ngtcp2_conn_set_tls_native_handle(conn_, tls_->session());
  return {};
}

ngtcp2_callbacks QuicConnection::server_callbacks() {
  ngtcp2_callbacks table{};
  table.recv_client_initial = ngtcp2_crypto_recv_client_initial_cb;
  table.encrypt = [](u8* to, const ngtcp2_crypto_aead* aead, const ngtcp2_crypto_aead_ctx* key,
                     const u8* text, std::size_t text_bytes, const u8* nonce, std::size_t nonce_bytes,
                     const u8* header, std::size_t header_bytes) {
    const env::PhaseScope phase(env::Phase::seal);
    return ngtcp2_crypto_encrypt_cb(to, aead, key, text, text_bytes, nonce, nonce_bytes, header,
                                    header_bytes);
  };
  table.decrypt = [](u8* to, const ngtcp2_crypto_aead* aead, const ngtcp2_crypto_aead_ctx* key,
                     const u8* sealed, std::size_t sealed_bytes, const u8* nonce, std::size_t nonce_bytes,
                     const u8* header, std::size_t header_bytes) {
    const env::PhaseScope phase(env::Phase::open);
    return ngtcp2_crypto_decrypt_cb(to, aead, key, sealed, sealed_bytes, nonce, nonce_bytes, header,
                                    header_bytes);
  };
  table.hp_mask = [](u8* to, const ngtcp2_crypto_cipher* cipher, const ngtcp2_crypto_cipher_ctx* key,
                     const u8* sample) {
    const env::PhaseScope phase(env::Phase::header_protection);
    return ngtcp2_crypto_hp_mask_cb(to, cipher, key, sample);
  };
  table.update_key = ngtcp2_crypto_update_key_cb;
  table.delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb;
  table.delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb;
  table.get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb;
  table.version_negotiation = ngtcp2_crypto_version_negotiation_cb;

  table.recv_crypto_data = [](ngtcp2_conn* conn, ngtcp2_encryption_level level, u64 offset, const u8* data,
                              std::size_t size, void* self) {
    // After the handshake nothing but session tickets may come, and only to a client (RFC 9001,
    // section 4.4 and 6); one that keeps none has no TLS any more.
    auto& connection = *static_cast<QuicConnection*>(self);
    if (!connection.tls_) {
      return connection.server_ ? static_cast<int>(NGTCP2_ERR_PROTO) : 0;
    }
    if (level != NGTCP2_ENCRYPTION_LEVEL_INITIAL) connection.peer_past_initial_ = true;
    return ngtcp2_crypto_recv_crypto_data_cb(conn, level, offset, data, size, self);
  };
  table.handshake_completed = [](ngtcp2_conn*, void* self) {
    return static_cast<QuicConnection*>(self)->on_handshake_completed();
  };
  table.recv_stream_data = [](ngtcp2_conn*, u32 flags, i64 stream, u64, const u8* data, std::size_t size,
                              void* self, void*) {
    const bool end = (flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0;
    return static_cast<QuicConnection*>(self)->on_stream_data(stream, bytes_of(data, size), end);
  };
  table.acked_stream_data_offset = [](ngtcp2_conn*, i64 stream, u64 offset, u64 size, void* self, void*) {
    auto& connection = *static_cast<QuicConnection*>(self);
    connection.prompt_ = true;
    connection.progress_at_ = connection.owner_.now_;
    if (stream == connection.reliable_stream_ && size > 0) {
      connection.send_buffer_.acknowledge(offset + size);
      connection.owner_.counters_.reliable_bytes_acknowledged += size;
    } else if (connection.http3_) {
      connection.http3_->acknowledge(stream, offset + size);
    }
    return 0;
  };
  table.stream_open = [](ngtcp2_conn*, i64 stream, void* self) {
    auto& connection = *static_cast<QuicConnection*>(self);
    if (stream == connection.reliable_stream_) connection.stream_exists_ = true;
    return 0;
  };
  table.stream_close = [](ngtcp2_conn*, u32, i64 stream, u64, void* self, void*) {
    auto& connection = *static_cast<QuicConnection*>(self);
    if (stream == connection.reliable_stream_) {
      connection.stream_exists_ = false;
      connection.close(CloseCode::bad_frame, "the reliable stream was closed");
    }
    return 0;
  };
  table.stream_reset = [](ngtcp2_conn*, i64 stream, u64, u64, void* self, void*) {
    auto& connection = *static_cast<QuicConnection*>(self);
    if (connection.refuses_early_data()) return 0;
    if (connection.http3_)
      connection.http3_->receive_reset(stream);
    else
      connection.close(CloseCode::bad_frame, "the reliable stream was reset");
    return 0;
  };
  table.stream_stop_sending = [](ngtcp2_conn*, i64 stream, u64, void* self, void*) {
    auto& connection = *static_cast<QuicConnection*>(self);
    if (connection.refuses_early_data()) return 0;
    if (connection.http3_)
      connection.http3_->receive_reset(stream);
    else
      connection.close(CloseCode::bad_frame, "the reliable stream was stopped");
    return 0;
  };
  table.extend_max_stream_data = [](ngtcp2_conn*, i64, u64, void* self, void*) {
    auto& connection = *static_cast<QuicConnection*>(self);
    connection.stream_blocked_ = false;
    if (connection.http3_) connection.http3_->unblock();
    return 0;
  };
  table.recv_datagram = [](ngtcp2_conn*, u32, const u8* data, std::size_t size, void* self) {
    return static_cast<QuicConnection*>(self)->on_datagram(bytes_of(data, size));
  };
  table.lost_datagram = [](ngtcp2_conn*, u64, void* self) {
    ++static_cast<QuicConnection*>(self)->owner_.counters_.datagrams_lost;
    return 0;
  };
  table.rand = [](u8* out, std::size_t size, const ngtcp2_rand_ctx* context) {
    static_cast<env::Random*>(context->native_handle)->fill({reinterpret_cast<std::byte*>(out), size});
  };
  table.get_new_connection_id = [](ngtcp2_conn*, ngtcp2_cid* id, u8* token, std::size_t, void* self) {
    auto& connection = *static_cast<QuicConnection*>(self);
    return connection.owner_.issue_id(connection, *id, token) ? 0
                                                              : static_cast<int>(NGTCP2_ERR_CALLBACK_FAILURE);
  };
  table.remove_connection_id = [](ngtcp2_conn*, const ngtcp2_cid* id, void* self) {
    auto& connection = *static_cast<QuicConnection*>(self);
    if (id->datalen == kConnectionIdBytes) connection.owner_.retire_id(connection, local_id(id->data));
    return 0;
  };
  table.recv_stateless_reset = [](ngtcp2_conn*, const ngtcp2_pkt_stateless_reset*, void* self) {
    static_cast<QuicConnection*>(self)->reset_by_peer_ = true;
    return 0;
  };
  return table;
}

ngtcp2_callbacks QuicConnection::client_callbacks() {
  ngtcp2_callbacks table = server_callbacks();
  table.recv_client_initial = nullptr;
  table.client_initial = ngtcp2_crypto_client_initial_cb;
  table.recv_retry = ngtcp2_crypto_recv_retry_cb;
  table.recv_new_token = [](ngtcp2_conn*, const u8* token, std::size_t size, void* self) {
    auto& connection = *static_cast<QuicConnection*>(self);
    if (connection.tls_) connection.tls_->keep_address_token(bytes_of(token, size));
    return 0;
  };
  table.handshake_confirmed = [](ngtcp2_conn*, void* self) {
    return static_cast<QuicConnection*>(self)->on_handshake_confirmed();
  };
  table.dcid_status = [](ngtcp2_conn*, ngtcp2_connection_id_status_type type, u64, const ngtcp2_cid*,
                         const u8* token, void* self) {
    auto& connection = *static_cast<QuicConnection*>(self);
    if (token != nullptr) {
      connection.owner_.note_reset_token(connection, token,
                                         type == NGTCP2_CONNECTION_ID_STATUS_TYPE_ACTIVATE);
    }
    return 0;
  };
  return table;
}

void QuicConnection::prefetch_head() const {
  prefetch_range(this, sizeof *this);
  // ngtcp2's own is larger; it begins with what each packet needs.
  __builtin_prefetch(conn_);
}

void QuicConnection::prefetch() const {
  prefetch_range(this, sizeof *this);
  // Sending reads and writes all over it, one line after another: nine kilobytes at once come sooner.
  prefetch_range(conn_, conn_bytes_);
}

int QuicConnection::on_handshake_completed() {
  const bool resumed = tls_->resumed();
  if (server_ && resumed && !tls_->check_resumed()) {
    ngtcp2_conn_set_tls_alert(conn_, tls_->alert());
    return NGTCP2_ERR_CRYPTO;
  }
  identity_ = tls_->identity();
  if (!tls_->protocol_agreed()) {
    ngtcp2_conn_set_tls_alert(conn_, GNUTLS_A_NO_APPLICATION_PROTOCOL);
    return NGTCP2_ERR_CRYPTO;
  }
  if (resumed) ++owner_.counters_.handshakes_resumed;
  if (server_) {
    owner_.completed(*this);
    return open() ? 0 : static_cast<int>(NGTCP2_ERR_CALLBACK_FAILURE);
  }
  // A server that is gone before it has confirmed the handshake says so by a reset.
  const ngtcp2_transport_params* remote = ngtcp2_conn_get_remote_transport_params(conn_);
  if (remote->stateless_reset_token_present != 0) {
    owner_.note_reset_token(*this, remote->stateless_reset_token, true);
  }
  if (early_data_ && !tls_->early_data_accepted()) {
    // The server has passed over it: the same bytes go again, under the new keys.
    if (ngtcp2_conn_tls_early_data_rejected(conn_) != 0) return NGTCP2_ERR_CALLBACK_FAILURE;
    stream_exists_ = stream_announced_ = stream_blocked_ = false;
    send_buffer_.rewind();
  }
  start_client_stream();
  // A server that goes on with our ticket has accepted us; otherwise it may yet refuse our certificate.
  if (!resumed) return 0;
  return stream_exists_ && open() ? 0 : static_cast<int>(NGTCP2_ERR_CALLBACK_FAILURE);
}

void QuicConnection::start_client_stream() {
  // The server speaks first on the reliable stream if it likes, but the stream is
  // ours to open: an empty frame tells it that the stream is there.
  i64 stream = -1;
  if (!stream_exists_ && ngtcp2_conn_open_bidi_stream(conn_, &stream, nullptr) == 0 &&
      stream == reliable_stream_)
    stream_exists_ = true;
}

int QuicConnection::on_handshake_confirmed() {
  if (state_ == State::open) return 0;
  // Only now has the server accepted our certificate.
  if (!stream_exists_) return NGTCP2_ERR_CALLBACK_FAILURE;
  return open() ? 0 : static_cast<int>(NGTCP2_ERR_CALLBACK_FAILURE);
}

bool QuicConnection::open() {
  const QuicSettings& settings = owner_.settings();
  if (server_ && !http3_ && owner_.requires_peer_certificate() && !identity_.authenticated) return false;
  state_ = State::open;
  conn_bytes_ = ::malloc_usable_size(conn_);
  if (settings.keep_alive_ns > 0) {
    ngtcp2_conn_set_keep_alive_timeout(conn_, static_cast<ngtcp2_duration>(settings.keep_alive_ns));
  }
  learn_limits();
  // A browser's session is yet to be asked for; until then it counts as under way.
  if (http3_) return http3_->begin();
  tell_open();
  return true;
}

void QuicConnection::learn_limits() {
  const QuicSettings& settings = owner_.settings();
  const ngtcp2_transport_params* remote = ngtcp2_conn_get_remote_transport_params(conn_);
  // Short header: flags, their id, a packet number of at most 4, the tag; then
  // the frame's type and two bytes of length.
  const std::size_t overhead = 1 + ngtcp2_conn_get_dcid(conn_)->datalen + 4 + 16;
  const std::size_t room = settings.packet_bytes - overhead;
  const std::size_t frame = std::min<std::size_t>(room, remote->max_datagram_frame_size);
  max_datagram_bytes_ = frame > 3 ? frame - 3 : 0;
  shortest_probe_ns_ = static_cast<i64>(remote->max_ack_delay);
}

void QuicConnection::tell_open() {
  told_open_ = true;
  owner_.opened(*this);
  owner_.handler_.on_open(*this);
  if (const auto early = std::move(early_)) {
    owner_.counters_.reliable_bytes_received += early->held.size();
    if (!closing_) owner_.handler_.on_reliable(*this, early->held);
  }
}

void QuicConnection::speak_http3(const WebTransportOptions& options) {
  http3_ = std::make_unique<Http3Link>(*this, options);
  reliable_stream_ = -1;
  ngtcp2_transport_params params = *ngtcp2_conn_get_local_transport_params(conn_);
  params.initial_max_streams_bidi = Http3Link::kBidirectionalStreams;
  params.initial_max_streams_uni = Http3Link::kUnidirectionalStreams;
  params.initial_max_stream_data_uni = Http3Link::kUnidirectionalBytes;
  ngtcp2_conn_set_local_transport_params(conn_, &params);
}

bool QuicConnection::all_acknowledged() const {
  return send_buffer_.all_acknowledged() && (!http3_ || http3_->all_acknowledged());
}

int QuicConnection::on_stream_data(i64 stream, Bytes data, bool end) {
  ngtcp2_conn_extend_max_offset(conn_, data.size());
  ngtcp2_conn_extend_max_stream_offset(conn_, stream, data.size());
  prompt_ = true;
  acknowledge_soon_ = true;
  if (refuses_early_data()) return 0;
  if (http3_) {
    http3_->receive(stream, data, end);
    return 0;
  }
  if (stream != reliable_stream_ || data.empty() || closing_) return 0;
  if (server_ && !told_open_) {
    on_early_data(data);
    return 0;
  }
  if (!told_open_) return 0;
  owner_.counters_.reliable_bytes_received += data.size();
  owner_.handler_.on_reliable(*this, data);
  return 0;
}

int QuicConnection::on_datagram(Bytes data) {
  if (refuses_early_data()) return 0;
  if (http3_) {
    http3_->receive_datagram(data);
    return 0;
  }
  if (closing_ || !told_open_) return 0;
  ++owner_.counters_.datagrams_received;
  owner_.handler_.on_datagram(*this, data);
  return 0;
}

bool QuicConnection::send_datagram(Bytes payload) {
  if (!may_send()) return false;
  if (payload.size() > max_datagram_bytes_) {
    ++owner_.counters_.datagrams_dropped_size;
    return false;
  }
  if (!in_callback_) return write_datagram(payload);
  if (deferred_datagrams_.size() >= kDeferredDatagrams) {
    ++owner_.counters_.datagrams_dropped_congestion;
    return false;
  }
  deferred_datagrams_.emplace_back(payload.begin(), payload.end());
  return true;
}

// A route may come to carry less than it did, and datagrams, which are smaller, pass all the same: ngtcp2
// would send the reliable bytes again and again in packets that never arrive. Where it was
// mere loss the smaller packets do no harm.
void QuicConnection::notice_narrow_path() {
  const bool stuck = !send_buffer_.all_acknowledged() && owner_.now_ - progress_at_ > kNoProgressNs;
  if (!stuck || narrow_ || state_ != State::open) return;
  narrow_ = true;
  if (ngtcp2_conn_get_path_max_tx_udp_payload_size(conn_) > owner_.settings().packet_bytes)
    ++owner_.counters_.paths_narrowed;
}

MutableBytes QuicConnection::room() {
  const MutableBytes space = owner_.out_.space();
  return narrow_ ? space.first(owner_.settings().packet_bytes) : space;
}

bool QuicConnection::write_datagram(Bytes payload) {
  // Sending arms a probe timer, the peer's max_ack_delay away at the least: a deadline that
  // comes before that looks at it in time, and need not be computed anew here.
  const bool timer_is_near =
      heap_index != DeadlineSlot::kOutside && deadline <= owner_.now_ + shortest_probe_ns_;
  if (!timer_is_near) owner_.mark_dirty(*this);
  const ngtcp2_tstamp now = timestamp(owner_.now_);
  std::array<ngtcp2_vec, 2> vecs;
  std::size_t count = 0;
  if (http3_) vecs[count++] = vec_of(http3_->datagram_prefix());
  vecs[count++] = vec_of(payload);
  // Acknowledgements and repeats may take a packet of their own before ours.
  for (int attempt = 0; attempt < 4; ++attempt) {
    const MutableBytes packet = room();
    int accepted = 0;
    ngtcp2_pkt_info info{};
    const env::PhaseScope phase(env::Phase::write_packet);
    const ngtcp2_ssize written = ngtcp2_conn_writev_datagram(
        conn_, owner_.out_path_.get(), &info, reinterpret_cast<u8*>(packet.data()), packet.size(), &accepted,
        NGTCP2_WRITE_DATAGRAM_FLAG_NONE, 0, vecs.data(), count, now);
    if (written <= 0) {
      if (written < 0 && ngtcp2_err_is_fatal(static_cast<int>(written)) != 0)
        error_ = static_cast<int>(written);
      owner_.mark_dirty(*this);
      break;
    }
    owner_.commit(*this, static_cast<std::size_t>(written), info.ecn);
    if (accepted != 0) {
      last_write_ = owner_.now_;
      unacknowledged_packets_ = 0;
      unacknowledged_bytes_ = 0;
      ++owner_.counters_.datagrams_sent;
      return true;
    }
  }
  ++owner_.counters_.datagrams_dropped_congestion;
  return false;
}

bool QuicConnection::send_reliable(Bytes bytes) {
  if (!may_send()) return false;
  if (send_buffer_.all_acknowledged()) progress_at_ = owner_.now_;
  if (!send_buffer_.append(bytes)) {
    close(CloseCode::too_slow, "the reliable stream is not read");
    return false;
  }
  owner_.mark_for_writing(*this);
  return true;
}

void QuicConnection::close(CloseCode code, std::string_view reason) {
  if (state_ == State::closed || closing_) return;
  // A peer that does not read would not read the rest either.
  const bool linger = state_ == State::open && code != CloseCode::too_slow && code != CloseCode::flood;
  const TimeNs until = linger ? owner_.now_ + owner_.settings().linger_ns : owner_.now_;
  closing_ = std::make_unique<Closing>(Closing{code, std::string(reason.substr(0, 256)), until});
  owner_.mark_for_writing(*this);
}

bool QuicConnection::write_pending() {
  if (http3_ && !http3_->write()) return false;
  notice_narrow_path();
  const ngtcp2_tstamp ts = timestamp(owner_.now_);
  for (;;) {
    std::array<Bytes, 4> views;
    std::array<ngtcp2_vec, 4> vecs;
    std::size_t count = 0;
    i64 stream = -1;
    if (stream_exists_ && !stream_blocked_) {
      count = send_buffer_.unsent(views);
      const bool announce = !server_ && !stream_announced_;
      if (count > 0 || announce) stream = reliable_stream_;
    }
    for (std::size_t i = 0; i < count; ++i) vecs[i] = vec_of(views[i]);
    const MutableBytes packet = room();
    ngtcp2_pkt_info info{};
    ngtcp2_ssize taken = -1;
    const ngtcp2_ssize written = ngtcp2_conn_writev_stream(
        conn_, owner_.out_path_.get(), &info, reinterpret_cast<u8*>(packet.data()), packet.size(), &taken,
        NGTCP2_WRITE_STREAM_FLAG_NONE, stream, vecs.data(), count, ts);
    if (taken >= 0) {
      stream_announced_ = true;
      send_buffer_.mark_sent(static_cast<u64>(taken));
    }
    if (written == NGTCP2_ERR_STREAM_DATA_BLOCKED) {
      stream_blocked_ = true;
      continue;
    }
    if (written == NGTCP2_ERR_STREAM_SHUT_WR || written == NGTCP2_ERR_STREAM_NOT_FOUND) {
      stream_exists_ = false;
      continue;
    }
    if (written < 0) {
      error_ = static_cast<int>(written);
      return false;
    }
    if (written == 0) return true;
    owner_.commit(*this, static_cast<std::size_t>(written), info.ecn);
  }
}

}  // namespace drumline::transport
