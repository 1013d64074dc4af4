#include "transport/webtransport/connect.hpp"

#include <gtest/gtest.h>

namespace drumline::transport {
namespace {

Result<PeerIdentity> verify(std::string_view token) {
  if (token != "good") return Error{ErrorCode::refused, "The token is not ours."};
  PeerIdentity identity;
  identity.authenticated = true;
  identity.name = "Ada";
  return identity;
}

RequestFields good() {
  RequestFields fields;
  fields.method = "CONNECT";
  fields.protocol = "webtransport";
  fields.scheme = "https";
  fields.authority = "play.example:7777";
  fields.path = "/play?token=good";
  fields.origin = "https://play.example";
  return fields;
}

UpgradeDecision decide(const RequestFields& fields, std::vector<std::string> origins = {}) {
  return decide_connect(fields, "/play", origins, verify);
}

TEST(Connect, AGoodRequestIsLetInAsWhoTheTokenSays) {
  const UpgradeDecision decision = decide(good());
  EXPECT_FALSE(decision.refusal);
  EXPECT_EQ(decision.status, 200U);
  EXPECT_EQ(decision.identity.name, "Ada");
  RequestFields bearer = good();
  bearer.path = "/play";
  bearer.authorization = "Bearer good";
  EXPECT_EQ(decide(bearer).status, 200U);
}

TEST(Connect, EachFaultHasItsStatus) {
  struct Fault {
    unsigned status;
    UpgradeRefusal refusal;
    std::string RequestFields::*field;
    const char* value;
  };
  for (const Fault& fault : {
           Fault{405, UpgradeRefusal::bad_request, &RequestFields::method, "GET"},
           Fault{501, UpgradeRefusal::bad_request, &RequestFields::protocol, "websocket"},
           Fault{501, UpgradeRefusal::bad_request, &RequestFields::protocol, ""},
           Fault{400, UpgradeRefusal::bad_request, &RequestFields::scheme, "http"},
           Fault{400, UpgradeRefusal::bad_request, &RequestFields::authority, ""},
           Fault{400, UpgradeRefusal::bad_request, &RequestFields::path, ""},
           Fault{400, UpgradeRefusal::bad_request, &RequestFields::path, "/play?token=%zz"},
           Fault{404, UpgradeRefusal::wrong_path, &RequestFields::path, "/other?token=good"},
           Fault{403, UpgradeRefusal::bad_origin, &RequestFields::origin, "https://elsewhere.example"},
           Fault{403, UpgradeRefusal::bad_origin, &RequestFields::origin, "null"},
           Fault{401, UpgradeRefusal::bad_token, &RequestFields::path, "/play"},
           Fault{401, UpgradeRefusal::bad_token, &RequestFields::path, "/play?token=bad"},
       }) {
    RequestFields fields = good();
    fields.*fault.field = fault.value;
    const UpgradeDecision decision = decide(fields);
    EXPECT_EQ(decision.status, fault.status) << fault.value;
    EXPECT_EQ(decision.refusal, fault.refusal) << fault.value;
    EXPECT_FALSE(decision.sentence.empty());
    EXPECT_FALSE(decision.identity.authenticated);
  }
}

TEST(Connect, OriginsAreThoseOfTheWebSocket) {
  RequestFields fields = good();
  fields.origin = "http://localhost:8000";
  EXPECT_EQ(decide(fields).status, 200U);
  EXPECT_EQ(decide(fields, {"https://play.example"}).status, 403U);
  EXPECT_EQ(decide(good(), {"https://play.example"}).status, 200U);
  EXPECT_EQ(decide(fields, {"*"}).status, 200U);
}

TEST(Connect, ACloseCodeThatIsNotOursIsAConnectionLost) {
  EXPECT_EQ(close_code_from_capsule(std::nullopt), CloseCode::idle);
  EXPECT_EQ(close_code_from_capsule(0), CloseCode::none);
  EXPECT_EQ(close_code_from_capsule(12), CloseCode::idle);
  EXPECT_EQ(close_code_from_capsule(16), CloseCode::overloaded);
  EXPECT_EQ(close_code_from_capsule(17), CloseCode::idle);
  EXPECT_EQ(close_code_from_capsule(0xFFFFFFFFU), CloseCode::idle);
}

}  // namespace
}  // namespace drumline::transport
