#include "transport/quic/tls_handshake.hpp"

#include <array>
#include <cstddef>
#include <string_view>

#include <fmt/core.h>
#include <gnutls/x509.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>

#include "transport/credentials/revocations.hpp"
#include "transport/webtransport/connect.hpp"

namespace drumline::transport {

namespace {

std::string common_name(gnutls_x509_crt_t certificate) {
  std::array<char, 256> text{};
  std::size_t size = text.size();
  const int rc =
      gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, text.data(), &size);
  return rc >= 0 ? std::string(text.data(), size) : std::string();
}

CertificateId id_of(gnutls_x509_crt_t certificate) {
  gnutls_datum_t issuer{};
  if (gnutls_x509_crt_get_raw_issuer_dn(certificate, &issuer) < 0) return 0;
  std::array<std::byte, 64> serial{};  // 20 bytes at most (RFC 5280, section 4.1.2.2)
  std::size_t size = serial.size();
  const int rc = gnutls_x509_crt_get_serial(certificate, serial.data(), &size);
  const Bytes name(reinterpret_cast<const std::byte*>(issuer.data), issuer.size);
  const CertificateId id = rc < 0 ? 0 : certificate_id(name, Bytes(serial).first(size));
  gnutls_free(issuer.data);
  return id;
}

// The callback's own contract forbids to continue without a protocol in common,
// even when the peer offers none at all.
int after_client_hello(gnutls_session_t session, unsigned, unsigned when, unsigned, const gnutls_datum_t*) {
  if (when != GNUTLS_HOOK_POST) return 0;
  gnutls_datum_t chosen{};
  return gnutls_alpn_get_selected_protocol(session, &chosen) == 0 ? 0 : GNUTLS_E_NO_APPLICATION_PROTOCOL;
}

}  // namespace

Result<std::unique_ptr<TlsHandshake>> TlsHandshake::start(
    const std::shared_ptr<const TlsCredentials>& credentials, Options options, ngtcp2_crypto_get_conn conn,
    void* owner) {
  static_assert(offsetof(TlsHandshake, ref_) == 0);
  std::unique_ptr<TlsHandshake> made(new TlsHandshake);
  made->ref_ = {conn, owner};
  made->options_ = std::move(options);
  made->credentials_ = credentials;
  const bool server = made->options_.server;
  const bool early_data = server ? made->options_.tickets != nullptr && made->options_.tickets->early_data()
                                 : made->options_.early_data;
  // A client makes a key for the group that it likes best; a server that does not like it asks again.
  const unsigned flags =
      (server ? GNUTLS_SERVER | GNUTLS_NO_AUTO_SEND_TICKET : GNUTLS_CLIENT | GNUTLS_KEY_SHARE_TOP) |
      GNUTLS_NO_END_OF_EARLY_DATA | (early_data ? GNUTLS_ENABLE_EARLY_DATA : 0);
  const auto failed = [](int rc) {
    return Error{ErrorCode::internal, fmt::format("TLS: {}", gnutls_strerror(rc))};
  };
  int rc = gnutls_init(&made->session_, flags);
  if (rc < 0) return failed(rc);
  const bool goes_on = made->options_.resumption && !made->options_.resumption->session.empty();
  rc = gnutls_priority_set(made->session_,
                           goes_on ? credentials->resumption_priorities() : credentials->priorities());
  if (rc < 0) return failed(rc);
  rc = server ? ngtcp2_crypto_gnutls_configure_server_session(made->session_)
              : ngtcp2_crypto_gnutls_configure_client_session(made->session_);
  if (rc != 0) return failed(GNUTLS_E_INTERNAL_ERROR);
  gnutls_session_set_ptr(made->session_, made.get());
  rc = gnutls_credentials_set(made->session_, GNUTLS_CRD_CERTIFICATE, credentials->certificates());
  if (rc < 0) return failed(rc);
  std::string& alpn = made->options_.alpn;
  const auto datum = [](std::string_view name) {
    return gnutls_datum_t{reinterpret_cast<unsigned char*>(const_cast<char*>(name.data())),
                          static_cast<unsigned>(name.size())};
  };
  const std::array<gnutls_datum_t, 2> protocols = {datum(alpn), datum(kHttp3Alpn)};
  rc = gnutls_alpn_set_protocols(made->session_, protocols.data(), made->options_.on_http3 != nullptr ? 2 : 1,
                                 GNUTLS_ALPN_MANDATORY);
  if (rc < 0) return failed(rc);
  if (server) {
    gnutls_handshake_set_hook_function(made->session_, GNUTLS_HANDSHAKE_CLIENT_HELLO, GNUTLS_HOOK_POST,
                                       &after_client_hello);
    if (made->options_.on_http3 != nullptr) {
      gnutls_handshake_set_post_client_hello_function(made->session_, &TlsHandshake::on_client_hello);
    }
    if (made->options_.require_peer_certificate) {
      gnutls_certificate_server_set_request(made->session_, GNUTLS_CERT_REQUIRE);
    }
  } else {
    const std::string& name = made->options_.server_name;
    // Server names are DNS names only (RFC 6066, section 3); an address is checked, not sent.
    const bool address =
        name.find(':') != std::string::npos || name.find_first_not_of("0123456789.") == std::string::npos;
    if (!name.empty() && !address)
      gnutls_server_name_set(made->session_, GNUTLS_NAME_DNS, name.data(), name.size());
  }
  made->set_up_resumption();
  return made;
}

void TlsHandshake::set_up_resumption() {
  if (options_.tickets != nullptr) options_.tickets->enable(session_);
  if (!options_.resumption) return;
  gnutls_handshake_set_hook_function(session_, GNUTLS_HANDSHAKE_NEW_SESSION_TICKET, GNUTLS_HOOK_POST,
                                     &TlsHandshake::on_new_ticket);
  // One that GnuTLS cannot read is as good as none.
  const auto& earlier = options_.resumption->session;
  if (!earlier.empty()) gnutls_session_set_data(session_, earlier.data(), earlier.size());
}

int TlsHandshake::on_new_ticket(gnutls_session_t session, unsigned, unsigned, unsigned,
                                const gnutls_datum_t*) {
  auto& self = *static_cast<TlsHandshake*>(gnutls_session_get_ptr(session));
  self.has_ticket_ = true;
  QuicResumption& resumption = *self.options_.resumption;
  gnutls_datum_t data{};
  if (gnutls_session_get_data2(session, &data) != 0) return 0;
  const auto* const bytes = reinterpret_cast<const std::byte*>(data.data);
  if (data.size <= QuicResumption::kMaxBytes) {
    resumption.session.assign(bytes, bytes + data.size);
    resumption.transport_parameters.resize(256);
    const ngtcp2_ssize size = ngtcp2_conn_encode_0rtt_transport_params(
        self.ref_.get_conn(&self.ref_), reinterpret_cast<u8*>(resumption.transport_parameters.data()),
        resumption.transport_parameters.size());
    resumption.transport_parameters.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  }
  gnutls_free(data.data);
  return 0;
}

bool TlsHandshake::check_resumed() {
  // Who came without a certificate then is refused as he would be then, if one is required.
  if (!identity().authenticated || standing_ == TlsCredentials::Standing::good) return true;
  if (standing_ == TlsCredentials::Standing::revoked)
    refuse(HandshakeFailure::certificate_revoked, GNUTLS_A_CERTIFICATE_REVOKED,
           "the certificate of the resumed session was revoked", 0);
  else
    refuse(HandshakeFailure::certificate_expired, GNUTLS_A_CERTIFICATE_EXPIRED,
           "the certificate of the resumed session has expired", 0);
  return false;
}

bool TlsHandshake::early_data_accepted() const {
  return (gnutls_session_get_flags(session_) & GNUTLS_SFLAGS_EARLY_DATA) != 0;
}

void TlsHandshake::send_ticket() {
  // Without one the next handshake is a full one.
  if (options_.tickets != nullptr) gnutls_session_ticket_send(session_, 1, 0);
}

TlsHandshake::~TlsHandshake() {
  if (session_ != nullptr) gnutls_deinit(session_);
}

const PeerIdentity& TlsHandshake::identity() {
  if (peer_) return *peer_;
  PeerIdentity& peer = peer_.emplace();
  unsigned count = 0;
  const gnutls_datum_t* chain = gnutls_certificate_get_peers(session_, &count);
  gnutls_x509_crt_t certificate = nullptr;
  if (chain == nullptr || count == 0 || gnutls_x509_crt_init(&certificate) < 0) return peer;
  if (gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER) >= 0) {
    peer.name = common_name(certificate);
    // verify() has accepted the chain, in this handshake or in that of the session that goes on.
    peer.authenticated = !peer.name.empty();
    if (peer.authenticated) peer.account = account_of(peer.name);
    peer.certificate = id_of(certificate);
    standing_ = credentials_->standing_of(certificate);
  }
  gnutls_x509_crt_deinit(certificate);
  return peer;
}

bool TlsHandshake::protocol_agreed() const {
  gnutls_datum_t chosen{};
  return gnutls_alpn_get_selected_protocol(session_, &chosen) == 0;
}

int TlsHandshake::on_client_hello(gnutls_session_t session) {
  auto& self = *static_cast<TlsHandshake*>(gnutls_session_get_ptr(session));
  gnutls_datum_t chosen{};
  if (gnutls_alpn_get_selected_protocol(session, &chosen) != 0) return 0;  // after_client_hello() refuses
  if (std::string_view(reinterpret_cast<const char*>(chosen.data), chosen.size) != kHttp3Alpn) return 0;
  // What a browser could present is no certificate of ours: it brings a token later.
  gnutls_certificate_server_set_request(session, GNUTLS_CERT_IGNORE);
  self.http3_credentials_ = self.options_.on_http3(self.ref_.user_data);
  if (self.http3_credentials_ == nullptr) return 0;
  return gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, self.http3_credentials_->certificates());
}

int TlsHandshake::verify_peer(gnutls_session_t session) {
  return static_cast<TlsHandshake*>(gnutls_session_get_ptr(session))->verify();
}

int TlsHandshake::refuse(HandshakeFailure failure, u8 alert, std::string text, int result) {
  failure_ = failure;
  alert_ = alert;
  failure_text_ = std::move(text);
  return result;
}

int TlsHandshake::verify() {
  std::array<gnutls_typed_vdata_st, 2> asked{};
  unsigned count = 0;
  const char* purpose = options_.server ? GNUTLS_KP_TLS_WWW_CLIENT : GNUTLS_KP_TLS_WWW_SERVER;
  asked[count++] = {GNUTLS_DT_KEY_PURPOSE_OID, reinterpret_cast<unsigned char*>(const_cast<char*>(purpose)),
                    0};
  if (!options_.server) {
    // A textual address is matched against the certificate's addresses.
    asked[count++] = {GNUTLS_DT_DNS_HOSTNAME, reinterpret_cast<unsigned char*>(options_.server_name.data()),
                      static_cast<unsigned>(options_.server_name.size())};
  }
  unsigned status = 0;
  const int rc = gnutls_certificate_verify_peers(session_, asked.data(), count, &status);
  if (rc == GNUTLS_E_NO_CERTIFICATE_FOUND) {
    if (options_.server && !options_.require_peer_certificate) return 0;
    return refuse(HandshakeFailure::certificate_missing, GNUTLS_A_CERTIFICATE_REQUIRED,
                  "no certificate was presented", rc);
  }
  if (rc < 0) {
    return refuse(HandshakeFailure::certificate_unfit, GNUTLS_A_BAD_CERTIFICATE, gnutls_strerror(rc),
                  GNUTLS_E_CERTIFICATE_ERROR);
  }
  if (status == 0) return 0;

  std::string text = "the certificate is not trusted";
  gnutls_datum_t printed{};
  if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &printed, 0) >= 0) {
    text.assign(reinterpret_cast<const char*>(printed.data), printed.size);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.pop_back();
    gnutls_free(printed.data);
  }
  constexpr unsigned kDates = GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED;
  constexpr unsigned kTrust =
      GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA | GNUTLS_CERT_SIGNATURE_FAILURE;
  if ((status & kTrust) != 0) {
    return refuse(HandshakeFailure::certificate_untrusted, GNUTLS_A_UNKNOWN_CA, text,
                  GNUTLS_E_CERTIFICATE_ERROR);
  }
  if ((status & GNUTLS_CERT_REVOKED) != 0) {
    return refuse(HandshakeFailure::certificate_revoked, GNUTLS_A_CERTIFICATE_REVOKED, text,
                  GNUTLS_E_CERTIFICATE_ERROR);
  }
  if ((status & kDates) != 0) {
    return refuse(HandshakeFailure::certificate_expired, GNUTLS_A_CERTIFICATE_EXPIRED, text,
                  GNUTLS_E_CERTIFICATE_ERROR);
  }
  return refuse(HandshakeFailure::certificate_unfit, GNUTLS_A_BAD_CERTIFICATE, text,
                GNUTLS_E_CERTIFICATE_ERROR);
}

HandshakeFailure failure_of_alert(u8 alert) {
  switch (alert) {
    case GNUTLS_A_CERTIFICATE_REQUIRED:
      return HandshakeFailure::certificate_missing;
    case GNUTLS_A_UNKNOWN_CA:
      return HandshakeFailure::certificate_untrusted;
    case GNUTLS_A_CERTIFICATE_EXPIRED:
      return HandshakeFailure::certificate_expired;
    case GNUTLS_A_CERTIFICATE_REVOKED:
      return HandshakeFailure::certificate_revoked;
    case GNUTLS_A_BAD_CERTIFICATE:
    case GNUTLS_A_UNSUPPORTED_CERTIFICATE:
    case GNUTLS_A_CERTIFICATE_UNKNOWN:
      return HandshakeFailure::certificate_unfit;
    case GNUTLS_A_NO_APPLICATION_PROTOCOL:
      return HandshakeFailure::alpn;
    default:
      return HandshakeFailure::tls;
  }
}

CloseCode close_code_of(HandshakeFailure failure) {
  switch (failure) {
    case HandshakeFailure::certificate_missing:
    case HandshakeFailure::certificate_untrusted:
    case HandshakeFailure::certificate_expired:
    case HandshakeFailure::certificate_revoked:
    case HandshakeFailure::certificate_unfit:
      return CloseCode::unauthenticated;
    case HandshakeFailure::alpn:
      return CloseCode::version;
    case HandshakeFailure::timeout:
      return CloseCode::idle;
    default:
      return CloseCode::internal;
  }
}

std::string alert_text(u8 alert) {
  const char* name = gnutls_alert_get_name(static_cast<gnutls_alert_description_t>(alert));
  return name != nullptr ? std::string(name) : fmt::format("TLS alert {}", alert);
}

}  // namespace drumline::transport
