#include "transport/tcp/tls_context.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "base/bytes.hpp"
#include "transport/credentials/revocations.hpp"
#include "transport/quic/tls_handshake.hpp"

namespace drumline::transport {
namespace {

constexpr const char* kCipherSuites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kGroups = "P-256:X25519:P-384";
// A client's chain; more is no certificate of a player.
constexpr long kMaxCertificateBytes = 16 * 1024;
constexpr std::size_t kIvBytes = 16;

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

std::string reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* const text = code != 0 ? ERR_reason_error_string(code) : nullptr;
  ERR_clear_error();
  return text != nullptr ? text : "it is not what it should be";
}

Error bad(std::string sentence) {
  return {ErrorCode::invalid_argument, std::move(sentence)};
}

Result<std::unique_ptr<BIO, Free>> open_file(const char* what, const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const int why = errno;
    return Error{why == EACCES ? ErrorCode::permission : ErrorCode::invalid_argument,
                 fmt::format("the {} {} cannot be read: {}; {}", what, path, std::strerror(why),
                             why == EACCES ? "let the user that runs drumline read it"
                                           : "put it there, or name the folder that holds it")};
  }
  ::close(fd);
  return std::unique_ptr<BIO, Free>(BIO_new_file(path.c_str(), "r"));
}

Result<std::unique_ptr<X509, Free>> read_certificate(const char* what, const std::string& path) {
  auto file = open_file(what, path);
  if (!file) return std::move(file).error();
  std::unique_ptr<X509, Free> certificate(PEM_read_bio_X509(file->get(), nullptr, nullptr, nullptr));
  if (!certificate) {
    return bad(
        fmt::format("the {} {} holds no certificate in PEM ({}); replace it by one", what, path, reason()));
  }
  return certificate;
}

std::string date(const ASN1_TIME* time) {
  std::tm broken{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &broken) != 1) return "an unreadable date";
  return fmt::format("{:04}-{:02}-{:02}", broken.tm_year + 1900, broken.tm_mon + 1, broken.tm_mday);
}

/// What both sides have in common.
Result<SslContextPtr> make_context(const SSL_METHOD* method, const TlsFiles& files) {
  ERR_clear_error();
  SslContextPtr context(SSL_CTX_new(method));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(context.get(), kCipherSuites) != 1 ||
      SSL_CTX_set1_groups_list(context.get(), kGroups) != 1) {
    return Error{ErrorCode::internal, "OpenSSL cannot be set up: " + reason()};
  }
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_max_cert_list(context.get(), kMaxCertificateBytes);
  if (!files.authority.empty() &&
      SSL_CTX_load_verify_locations(context.get(), files.authority.c_str(), nullptr) != 1) {
    return bad(fmt::format("certificate authority {}: {}", files.authority, reason()));
  }
  if (!files.certificate.empty()) {
    if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1)
      return bad(fmt::format("certificate {}: {}", files.certificate, reason()));
    if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1)
      return bad(fmt::format("key {}: {}", files.key, reason()));
  }
  return context;
}

/// The list, if the authority has signed it and it is not out of date.
Result<CrlPtr> read_revoked(const TlsFiles& files, i64 wall_now_s) {
  auto file = open_file("list of revoked certificates", files.revoked);
  if (!file) return std::move(file).error();
  CrlPtr list(PEM_read_bio_X509_CRL(file->get(), nullptr, nullptr, nullptr));
  if (!list) {
    return bad(
        fmt::format("the list of revoked certificates {} is none in PEM ({}); `drumline cert revoke` "
                    "makes one",
                    files.revoked, reason()));
  }
  auto authority = read_certificate("certificate authority", files.authority);
  if (!authority) return std::move(authority).error();
  if (X509_CRL_verify(list.get(), X509_get0_pubkey(authority->get())) != 1) {
    ERR_clear_error();
    return bad(fmt::format("the list of revoked certificates {} is not signed by {}; get the authority's own",
                           files.revoked, files.authority));
  }
  std::time_t now = static_cast<std::time_t>(wall_now_s);
  const ASN1_TIME* const next = X509_CRL_get0_nextUpdate(list.get());
  if (next != nullptr && X509_cmp_time(next, &now) <= 0) {
    return bad(
        fmt::format("the list of revoked certificates {} was good until {}; put the next one in its place",
                    files.revoked, date(next)));
  }
  return list;
}

bool is_address(const std::string& name) {
  return name.find(':') != std::string::npos || name.find_first_not_of("0123456789.") == std::string::npos;
}

/// Is `wanted` in a list of length-prefixed names (RFC 7301, section 3.1)?
bool offers(Bytes list, std::string_view wanted) {
  while (!list.empty()) {
    const auto size = std::to_integer<std::size_t>(list[0]);
    if (size + 1 > list.size()) return false;
    if (as_text(list.subspan(1, size)) == wanted) return true;
    list = list.subspan(1 + size);
  }
  return false;
}

HandshakeFailure failure_of_verdict(long verdict) {
  switch (verdict) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_INVALID_CA:
      return HandshakeFailure::certificate_untrusted;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return HandshakeFailure::certificate_expired;
    default:
      return HandshakeFailure::certificate_unfit;
  }
}

constexpr int kAlertOffset = 1000;  // SSL_AD_REASON_OFFSET, which OpenSSL keeps to itself
constexpr u8 kAlertProtocolVersion = 70;

}  // namespace

Result<void> check_tls_files(const TlsFiles& files, i64 wall_now_s) {
  ERR_clear_error();
  if (!files.authority.empty()) {
    if (auto authority = read_certificate("certificate authority", files.authority); !authority)
      return std::move(authority).error();
  }
  if (!files.revoked.empty()) {
    if (auto list = read_revoked(files, wall_now_s); !list) return std::move(list).error();
  }
  if (files.certificate.empty()) return {};
  auto certificate = read_certificate("certificate", files.certificate);
  if (!certificate) return std::move(certificate).error();
  auto file = open_file("key", files.key);
  if (!file) return std::move(file).error();
  const std::unique_ptr<EVP_PKEY, Free> key(PEM_read_bio_PrivateKey(file->get(), nullptr, nullptr, nullptr));
  if (!key) {
    return bad(fmt::format("the key {} holds no private key in PEM ({}); replace it by the key of {}",
                           files.key, reason(), files.certificate));
  }
  if (X509_check_private_key(certificate->get(), key.get()) != 1) {
    ERR_clear_error();
    return bad(fmt::format(
        "the key {} is not the one of the certificate {}; put the two together that belong together",
        files.key, files.certificate));
  }
  std::time_t now = static_cast<std::time_t>(wall_now_s);
  const ASN1_TIME* const end = X509_get0_notAfter(certificate->get());
  if (X509_cmp_time(end, &now) <= 0) {
    return bad(fmt::format("the certificate {} expired on {}; put a new one in its place", files.certificate,
                           date(end)));
  }
  const ASN1_TIME* const begin = X509_get0_notBefore(certificate->get());
  if (X509_cmp_time(begin, &now) > 0) {
    return bad(
        fmt::format("the certificate {} is good from {} on only; set the clock, or put another in its place",
                    files.certificate, date(begin)));
  }
  return {};
}

// --- server

Result<std::shared_ptr<const TlsServerContext>> TlsServerContext::create(Options options,
                                                                         const env::Clock& clock) {
  auto context = make_context(TLS_server_method(), options.files);
  if (!context) return std::move(context).error();
  std::shared_ptr<TlsServerContext> made(new TlsServerContext(std::move(options), clock));
  made->context_ = std::move(*context);
  SSL_CTX* const raw = made->context_.get();
  if (const TlsFiles& files = made->options_.files; !files.revoked.empty()) {
    auto list = read_revoked(files, clock.wall_now() / kSecondNs);
    if (!list) return std::move(list).error();
    made->revoked_ = std::move(*list);
  }
  if (!made->options_.files.authority.empty())
    SSL_CTX_set_client_CA_list(raw, SSL_load_client_CA_file(made->options_.files.authority.c_str()));
  SSL_CTX_set_options(raw, SSL_OP_CIPHER_SERVER_PREFERENCE);
  // No early data: a command must not be replayed, and here nothing else could tell.
  SSL_CTX_set_max_early_data(raw, 0);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  if (made->options_.ticket_keys) {
    SSL_CTX_set_num_tickets(raw, 1);
    SSL_CTX_set_timeout(raw, static_cast<long>(made->options_.ticket_keys->period_s()));
    SSL_CTX_set_tlsext_ticket_key_evp_cb(raw, &on_ticket_key);
  } else {
    SSL_CTX_set_num_tickets(raw, 0);
    SSL_CTX_set_options(raw, SSL_OP_NO_TICKET);
  }
  SSL_CTX_set_client_hello_cb(raw, &on_client_hello, made.get());
  SSL_CTX_set_alpn_select_cb(raw, &on_select_protocol, made.get());
  SSL_CTX_set_app_data(raw, made.get());
  return std::shared_ptr<const TlsServerContext>(std::move(made));
}

bool TlsServerContext::has_revoked(const SSL* ssl) const {
  X509* const certificate = SSL_get0_peer_certificate(ssl);
  X509_REVOKED* entry = nullptr;
  // 2 would be: it was, and is no longer.
  return revoked_ && certificate != nullptr &&
         X509_CRL_get0_by_cert(revoked_.get(), &entry, certificate) == 1;
}

namespace {

/// Of a server's connection: its context. Let go of with the connection.
int context_index() {
  static const int index = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr, [](void*, void* held, CRYPTO_EX_DATA*, int, long, void*) {
        delete static_cast<std::shared_ptr<const TlsServerContext>*>(held);
      });
  return index;
}

}  // namespace

SslPtr TlsServerContext::new_connection(Arrival& arrival) const {
  SslPtr ssl(SSL_new(context_.get()));
  DRUM_ASSERT(ssl);
  SSL_set_app_data(ssl.get(), &arrival);
  // Tickets are sealed by the context's keys for as long as the connection lasts.
  SSL_set_ex_data(ssl.get(), context_index(),
                  new std::shared_ptr<const TlsServerContext>(shared_from_this()));
  SSL_set_accept_state(ssl.get());
  return ssl;
}

// Before a ticket is looked at: a ticket that came without a certificate must not
// open a door that asks for one, so each protocol has tickets of its own.
int TlsServerContext::on_client_hello(SSL* ssl, int* alert, void* self) {
  const auto& options = static_cast<TlsServerContext*>(self)->options_;
  auto& arrival = *static_cast<Arrival*>(SSL_get_app_data(ssl));
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  bool native = false;
  bool web = true;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &size) == 1) {
    const Bytes list =
        Bytes(reinterpret_cast<const std::byte*>(data), size).subspan(std::min<std::size_t>(size, 2));
    native = offers(list, kNativeProtocol);
    web = offers(list, kWebProtocol);
  }
  arrival.web = !native && web && options.serve_web;
  if (!native && !arrival.web) {
    arrival.no_protocol = true;
    *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    return SSL_CLIENT_HELLO_ERROR;
  }
  int verify = SSL_VERIFY_NONE;
  if (native)
    verify = SSL_VERIFY_PEER | (options.require_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
  SSL_set_verify(ssl, verify, nullptr);
  const std::string_view name = native ? kNativeProtocol : kWebProtocol;
  SSL_set_session_id_context(ssl, reinterpret_cast<const unsigned char*>(name.data()),
                             static_cast<unsigned>(name.size()));
  return SSL_CLIENT_HELLO_SUCCESS;
}

int TlsServerContext::on_select_protocol(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                                         const unsigned char*, unsigned, void*) {
  const std::string_view chosen =
      static_cast<Arrival*>(SSL_get_app_data(ssl))->web ? kWebProtocol : kNativeProtocol;
  *out = reinterpret_cast<const unsigned char*>(chosen.data());
  *out_size = static_cast<unsigned char>(chosen.size());
  return SSL_TLSEXT_ERR_OK;
}

int TlsServerContext::on_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                                    EVP_MAC_CTX* mac, int sealing) {
  const auto& self = *static_cast<TlsServerContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const i64 now_s = self.clock_.wall_now() / kSecondNs;
  TicketKeys::Key key;
  if (sealing != 0) {
    key = self.options_.ticket_keys->sealing(now_s);
    std::copy(key.name.begin(), key.name.end(), name);
    if (RAND_bytes(iv, kIvBytes) != 1) return -1;
  } else if (!self.options_.ticket_keys->opening(
                 std::span<const u8, TicketKeys::kNameBytes>(name, TicketKeys::kNameBytes), now_s, key)) {
    return 0;  // a full handshake follows
  }
  char digest[] = "SHA256";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  const bool ready =
      EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv, sealing) == 1 &&
      EVP_MAC_CTX_set_params(mac, parameters) == 1;
  OPENSSL_cleanse(&key, sizeof key);
  if (!ready) return -1;
  return sealing != 0 ? 1 : 2;  // 2: with a new ticket for the next time; each is used once
}

// --- client

namespace {

/// Of a client's connection: who wants its tickets. Freed with the connection.
struct TicketOwner {
  TlsClientContext::TicketSink sink = nullptr;
  void* owner = nullptr;
};

int ticket_owner_index() {
  static const int index = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* held, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<TicketOwner*>(held); });
  return index;
}

int on_new_session(SSL* ssl, SSL_SESSION* session) {
  const auto* const owner = static_cast<TicketOwner*>(SSL_get_ex_data(ssl, ticket_owner_index()));
  if (owner == nullptr || owner->sink == nullptr) return 0;
  owner->sink(owner->owner, SslSessionPtr(session));
  return 1;  // taken over
}

}  // namespace

Result<std::shared_ptr<const TlsClientContext>> TlsClientContext::create(const TlsFiles& files) {
  auto context = make_context(TLS_client_method(), files);
  if (!context) return std::move(context).error();
  const auto made = std::make_shared<TlsClientContext>();
  made->context_ = std::move(*context);
  SSL_CTX_set_verify(made->context_.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_cache_mode(made->context_.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(made->context_.get(), &on_new_session);
  return std::shared_ptr<const TlsClientContext>(made);
}

SslPtr TlsClientContext::new_connection(const std::string& server_name, std::string_view protocol,
                                        TicketSink on_ticket, void* owner) const {
  SslPtr ssl(SSL_new(context_.get()));
  DRUM_ASSERT(ssl);
  SSL_set_connect_state(ssl.get());
  SSL_set_ex_data(ssl.get(), ticket_owner_index(), new TicketOwner{on_ticket, owner});
  std::string list(1, static_cast<char>(protocol.size()));
  list += protocol;
  // Zero is success here, and nowhere else in OpenSSL.
  const int refused = SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(list.data()),
                                          static_cast<unsigned>(list.size()));
  DRUM_ASSERT(refused == 0);
  if (is_address(server_name)) {
    // Server names are DNS names only (RFC 6066, section 3); an address is checked, not sent.
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), server_name.c_str());
  } else {
    SSL_set1_host(ssl.get(), server_name.c_str());
    SSL_set_tlsext_host_name(ssl.get(), server_name.c_str());
  }
  return ssl;
}

// --- what became of it

TlsFailure tls_failure(const SSL* ssl) {
  const unsigned long error = ERR_peek_error();
  const int why = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
  TlsFailure out;
  out.text = reason();
  if (error == 0) {
    out.failure = HandshakeFailure::closed_by_peer;
    out.code = CloseCode::idle;
    out.text = "the peer ended the connection";
    return out;
  }
  if (why > kAlertOffset) {
    const auto alert = static_cast<u8>(why - kAlertOffset);
    out.failure = failure_of_alert(alert);
    out.code = alert == kAlertProtocolVersion ? CloseCode::version : close_code_of(out.failure);
    out.text = "the peer refused us: " + alert_text(alert);
    return out;
  }
  switch (why) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      out.failure = HandshakeFailure::certificate_missing;
      out.text = "no certificate was presented";
      break;
    case SSL_R_CERTIFICATE_VERIFY_FAILED: {
      const long verdict = SSL_get_verify_result(ssl);
      out.failure = failure_of_verdict(verdict);
      out.text = std::string("the certificate is not accepted: ") + X509_verify_cert_error_string(verdict);
      break;
    }
    case SSL_R_NO_APPLICATION_PROTOCOL:
      out.failure = HandshakeFailure::alpn;
      break;
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      out.failure = HandshakeFailure::closed_by_peer;
      out.code = CloseCode::idle;
      return out;
    case SSL_R_HTTP_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_UNEXPECTED_MESSAGE:
    case SSL_R_LENGTH_MISMATCH:
    case SSL_R_LENGTH_TOO_SHORT:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_ENCRYPTED_LENGTH_TOO_LONG:
    case SSL_R_DATA_LENGTH_TOO_LONG:
    case SSL_R_RECORD_LENGTH_MISMATCH:
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
    case SSL_R_BAD_EXTENSION:
    case SSL_R_EXCESSIVE_MESSAGE_SIZE:
      out.failure = HandshakeFailure::protocol;
      break;
    default:
      break;
  }
  out.code = close_code_of(out.failure);
  return out;
}

PeerIdentity identity_of(const SSL* ssl) {
  PeerIdentity peer;
  X509* const certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr) return peer;
  X509_NAME* const subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return peer;
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (size > 0) peer.name.assign(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  if (peer.name.empty()) return peer;
  peer.authenticated = true;  // verified, or there would be no session
  peer.account = account_of(peer.name);
  peer.certificate = certificate_id(*certificate);
  return peer;
}

bool certificate_in_time(const SSL* ssl) {
  const X509* const certificate = SSL_get0_peer_certificate(ssl);
  return certificate == nullptr || X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

}  // namespace drumline::transport
