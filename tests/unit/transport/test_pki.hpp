// Certificates for the tests of this folder, made once a run.
#pragma once

#include <string>

#include "transport/quic/quic_settings.hpp"

namespace drumline::transport::testing {

/// The authority that the tests' server trusts.
TlsFiles server_files();
TlsFiles client_files();
/// Another account under the same authority.
TlsFiles client_files_of(const std::string& name);
/// The same server with the list of those that were revoked; the file is there after revoke().
TlsFiles server_files_with_revoked();
/// Takes back what client_files_of(name) issued.
void revoke(const std::string& name);
/// A client and a server under an authority that nobody here trusts.
TlsFiles stranger_files();
TlsFiles stranger_server_files();
/// Signed by the right authority, but expired a day ago.
TlsFiles expired_files();
/// Trusts the authority and presents nothing.
TlsFiles anonymous_files();
/// A client that presents the server's certificate: the wrong purpose.
TlsFiles wrong_purpose_files();

}  // namespace drumline::transport::testing
