#include "transport/webtransport/http3_server.hpp"

#include <map>

#include <gtest/gtest.h>

#include "http3_bytes.hpp"

namespace drumline::transport {
namespace {

using test::octets;
using test::Octets;
using test::operator+;
using test::varint;

constexpr i64 kRequest = 0;
constexpr i64 kControl = 2;  // of the client
constexpr i64 kSession = 4;
constexpr i64 kOurControl = 3;

class Recorder final : public Http3Events {
 public:
  Http3Answer on_request(const RequestFields& fields) override {
    requests.push_back(fields);
    return answer;
  }
  void on_answered(unsigned status) override { answered.push_back(status); }
  void on_reliable_stream(i64 stream) override { reliable_stream = stream; }
  void on_reliable(Bytes bytes) override { reliable += as_text(bytes); }
  void on_reliable_end() override { ++reliable_ends; }
  void on_session_datagram(Bytes payload) override { datagrams.emplace_back(as_text(payload)); }
  void on_stray_datagram() override { ++stray_datagrams; }
  void on_session_close(std::optional<u32> code, std::string_view reason) override {
    ++closes;
    close_code = code;
    close_reason = reason;
  }
  void send(i64 stream, Bytes bytes, bool end) override {
    sent[stream].insert(sent[stream].end(), bytes.begin(), bytes.end());
    ended[stream] = end;
  }
  void refuse_stream(i64 stream, Http3Code code) override { refused[stream] = code; }

  Http3Answer answer;
  std::vector<RequestFields> requests;
  std::vector<unsigned> answered;
  i64 reliable_stream = -1;
  std::string reliable;
  int reliable_ends = 0;
  std::vector<std::string> datagrams;
  int stray_datagrams = 0;
  int closes = 0;
  std::optional<u32> close_code;
  std::string close_reason;
  std::map<i64, Octets> sent;
  std::map<i64, bool> ended;
  std::map<i64, Http3Code> refused;
};

class Http3ServerTest : public testing::Test {
 protected:
  Http3ServerTest() { server.begin(kOurControl); }

  std::optional<Http3Code> receive(i64 stream, const Octets& bytes, bool end = false) {
    const auto error = server.receive(stream, bytes, end);
    return error ? std::optional(error->code) : std::nullopt;
  }
  std::optional<Http3Code> datagram(const Octets& bytes) {
    const auto error = server.receive_datagram(bytes);
    return error ? std::optional(error->code) : std::nullopt;
  }
  void open() {
    ASSERT_FALSE(receive(kControl, test::control_stream()));
    ASSERT_FALSE(receive(kRequest, test::headers(test::connect_fields())));
    ASSERT_TRUE(server.is_open());
  }
  void open_stream() { ASSERT_FALSE(receive(kSession, octets({0x40, 0x41, 0x00}))); }

  Recorder events;
  Http3Server server{events};
};

TEST_F(Http3ServerTest, SettingsOfferWhatBrowsersAskFor) {
  Bytes said(events.sent[kOurControl]);
  EXPECT_EQ(take_varint(said), 0x00U) << "a control stream";
  EXPECT_EQ(take_varint(said), 0x04U) << "SETTINGS";
  const auto length = take_varint(said);
  EXPECT_EQ(length, said.size());
  std::map<u64, u64> settings;
  while (!said.empty()) {
    const u64 id = *take_varint(said);
    settings[id] = *take_varint(said);
  }
  EXPECT_EQ(settings[0x08], 1U);
  EXPECT_EQ(settings[0x33], 1U);
  EXPECT_EQ(settings[0x2B603742], 1U);
}

TEST_F(Http3ServerTest, ASessionCarriesItsStreamAndItsDatagramsBothWays) {
  open();
  ASSERT_EQ(events.requests.size(), 1U);
  const RequestFields& request = events.requests.front();
  EXPECT_EQ(request.method, "CONNECT");
  EXPECT_EQ(request.protocol, "webtransport");
  EXPECT_EQ(request.scheme, "https");
  EXPECT_EQ(request.authority, "127.0.0.1:443");
  EXPECT_EQ(request.path, "/play?token=good");
  EXPECT_EQ(request.origin, "http://localhost:8000");
  // HEADERS of ":status: 200", which the static table has at 25 (RFC 9204, appendix A).
  EXPECT_EQ(events.sent[kRequest], octets({0x01, 0x03, 0x00, 0x00, 0xD9}));
  EXPECT_FALSE(events.ended[kRequest]);

  for (const unsigned octet : {0x40U, 0x41U, 0x00U}) EXPECT_FALSE(receive(kSession, octets({octet})));
  EXPECT_EQ(events.reliable_stream, kSession);
  EXPECT_FALSE(receive(kSession, octets("Hel")));
  EXPECT_FALSE(receive(kSession, octets("lo")));
  EXPECT_EQ(events.reliable, "Hello");
  EXPECT_FALSE(datagram(octets({0x00}) + octets("state")));
  EXPECT_EQ(events.datagrams, std::vector<std::string>{"state"});
  EXPECT_EQ(Octets(server.datagram_prefix().begin(), server.datagram_prefix().end()), octets({0x00}));
}

TEST_F(Http3ServerTest, AnOpeningReadsTheSameByteByByte) {
  for (const std::byte octet : test::control_stream()) ASSERT_FALSE(receive(kControl, {octet}));
  for (const std::byte octet : test::headers(test::connect_fields()))
    ASSERT_FALSE(receive(kRequest, {octet}));
  EXPECT_TRUE(server.is_open());
  EXPECT_EQ(events.requests.size(), 1U);
  for (const std::byte octet : test::record(0x00, test::close_capsule(7, "bye"))) {
    ASSERT_FALSE(receive(kRequest, {octet}));
  }
  EXPECT_EQ(events.close_code, 7U);
  EXPECT_EQ(events.close_reason, "bye");
}

TEST_F(Http3ServerTest, ARequestOnALaterStreamHasItsOwnSessionId) {
  ASSERT_FALSE(receive(8, test::headers(test::connect_fields())));
  ASSERT_FALSE(receive(12, octets({0x40, 0x41, 0x08}) + octets("x")));
  EXPECT_EQ(events.reliable, "x");
  EXPECT_FALSE(datagram(octets({0x02}) + octets("y")));
  EXPECT_FALSE(datagram(octets({0x00}) + octets("z")));
  EXPECT_EQ(events.datagrams, std::vector<std::string>{"y"});
  EXPECT_EQ(events.stray_datagrams, 1);
}

TEST_F(Http3ServerTest, ARefusedRequestIsAnsweredWithItsSentence) {
  events.answer = {401, "A token is missing."};
  ASSERT_FALSE(receive(kRequest, test::headers(test::connect_fields("/play"))));
  EXPECT_FALSE(server.is_open());
  EXPECT_EQ(events.answered, std::vector<unsigned>{401});
  EXPECT_TRUE(events.ended[kRequest]);
  EXPECT_NE(std::string(as_text(events.sent[kRequest])).find("A token is missing."), std::string::npos);
  // Nothing of it counts any more.
  EXPECT_FALSE(receive(kSession, octets({0x40, 0x41, 0x00}) + octets("x")));
  EXPECT_EQ(events.refused[kSession], Http3Code::webtransport_stream_rejected);
  EXPECT_FALSE(datagram(octets({0x00, 0x01})));
  EXPECT_TRUE(events.reliable.empty() && events.datagrams.empty());
}

TEST_F(Http3ServerTest, ClosingSaysTheCodeAndTheReasonOnce) {
  open();
  const std::size_t before = events.sent[kRequest].size();
  EXPECT_TRUE(server.close(5, "too slow"));
  const Octets said(events.sent[kRequest].begin() + static_cast<std::ptrdiff_t>(before),
                    events.sent[kRequest].end());
  // DATA of 15 bytes: capsule 0x2843 of 12 bytes: the code, then the reason.
  EXPECT_EQ(said, octets({0x00, 0x0F, 0x68, 0x43, 0x0C, 0x00, 0x00, 0x00, 0x05}) + octets("too slow"));
  EXPECT_TRUE(events.ended[kRequest]);
  EXPECT_FALSE(server.close(5, "again"));
  EXPECT_FALSE(datagram(octets({0x00, 0x01})));
  EXPECT_TRUE(events.datagrams.empty());
}

TEST_F(Http3ServerTest, APeerMayCloseByCapsuleByItsStreamsEndAndByReset) {
  for (int way = 0; way < 3; ++way) {
    Recorder recorder;
    Http3Server one(recorder);
    one.begin(kOurControl);
    ASSERT_FALSE(one.receive(kRequest, test::headers(test::connect_fields()), false));
    const Octets capsule = test::record(0x00, test::close_capsule(12, "away"));
    if (way == 0) {
      ASSERT_FALSE(one.receive(kRequest, capsule, true));
    }
    if (way == 1) {
      ASSERT_FALSE(one.receive(kRequest, {}, true));
    }
    if (way == 2) {
      ASSERT_FALSE(one.receive_reset(kRequest));
    }
    EXPECT_EQ(recorder.closes, 1) << way;
    EXPECT_EQ(recorder.close_code.has_value(), way == 0);
    EXPECT_TRUE(recorder.ended[kRequest]);
    EXPECT_FALSE(one.is_open());
  }
}

TEST_F(Http3ServerTest, UnknownFramesCapsulesStreamsAndSettingsArePassedOver) {
  open();
  EXPECT_FALSE(receive(kControl, test::record(0xF0700, octets("u=1")) + test::record(0x21, {}) +
                                     test::record(0x07, octets({0x00}))));
  const Octets grease = test::record(0x1F * 3 + 0x21, octets(std::string(20'000, 'g')));
  EXPECT_FALSE(receive(kRequest, grease));
  EXPECT_FALSE(receive(kRequest, test::record(0x00, test::record(0x78AE, {}) + grease)));
  EXPECT_FALSE(receive(6, varint(0x1F * 5 + 0x21) + octets("anything")));
  EXPECT_TRUE(events.refused.contains(6));
  EXPECT_FALSE(receive(10, octets({0x40, 0x54, 0x00}))) << "a unidirectional stream of the session";
  EXPECT_TRUE(events.refused.contains(10));
  EXPECT_FALSE(receive(14, octets({0x02, 0x20}))) << "the QPACK encoder's capacity of 0";
  EXPECT_FALSE(receive(18, octets({0x03, 0x44, 0x7F, 0x81, 0x01}))) << "two streams are cancelled";
  EXPECT_TRUE(server.is_open());
}

TEST_F(Http3ServerTest, WhatIsNoAnswerableRequestIsAnsweredWith400Or431) {
  struct Example {
    test::Fields fields;
    unsigned status;
  };
  const std::string long_path = "/" + std::string(9'000, 'p');
  const test::Fields good = test::connect_fields();
  test::Fields repeated = good;
  repeated.insert(repeated.begin(), {":path", "/other"});
  test::Fields late = good;
  late.emplace_back(":scheme", "https");
  test::Fields unknown = good;
  unknown.insert(unknown.begin(), {":status", "200"});
  test::Fields capitals = good;
  capitals.emplace_back("Origin", "http://localhost");
  test::Fields many = good;
  // Few bytes each, but each counts 32 beside its letters.
  for (int i = 0; i < 300; ++i) many.emplace_back("a", "");
  for (const Example& example :
       {Example{test::connect_fields(long_path), 431}, Example{many, 431}, Example{repeated, 400},
        Example{late, 400}, Example{unknown, 400}, Example{capitals, 400}}) {
    Recorder recorder;
    Http3Server one(recorder);
    ASSERT_FALSE(one.receive(kRequest, test::headers(example.fields), false));
    EXPECT_EQ(recorder.answered, std::vector<unsigned>{example.status});
    EXPECT_TRUE(recorder.requests.empty());
    EXPECT_TRUE(recorder.ended[kRequest]);
  }
}

TEST_F(Http3ServerTest, AHeaderThatSwellsInDecodingIsBounded) {
  // "content-type: text/plain;charset=utf-8" of the static table, thousands of times in one byte each.
  Octets section(8'000, std::byte{0xC0 | 54});
  section[0] = section[1] = std::byte{0};
  ASSERT_FALSE(receive(kRequest, test::record(0x01, section)));
  EXPECT_EQ(events.answered, std::vector<unsigned>{431});
}

struct Broken {
  const char* what;
  std::vector<std::pair<i64, Octets>> said;
  bool end = false;
  Http3Code code;
};

TEST_F(Http3ServerTest, WhatBreaksTheProtocolEndsTheConnectionWithItsCode) {
  const Octets control = test::control_stream();
  const Octets connect = test::headers(test::connect_fields());
  const auto data = [](const Octets& capsules) { return test::record(0x00, capsules); };
  const std::vector<Broken> all = {
      {"a second control stream", {{2, control}, {6, control}}, false, Http3Code::stream_creation_error},
      {"a second encoder stream",
       {{2, octets({0x02})}, {6, octets({0x02})}},
       false,
       Http3Code::stream_creation_error},
      {"a push by a client", {{2, octets({0x01})}}, false, Http3Code::stream_creation_error},
      {"no SETTINGS first",
       {{2, octets({0x00}) + test::record(0x07, octets({0}))}},
       false,
       Http3Code::missing_settings},
      {"a second SETTINGS", {{2, control + test::settings({})}}, false, Http3Code::frame_unexpected},
      {"a repeated setting",
       {{2, octets({0}) + test::settings({{0x33, 1}, {0x33, 1}})}},
       false,
       Http3Code::settings_error},
      {"a setting of HTTP/2",
       {{2, octets({0}) + test::settings({{0x04, 1}})}},
       false,
       Http3Code::settings_error},
      {"datagrams by half",
       {{2, octets({0}) + test::settings({{0x33, 2}})}},
       false,
       Http3Code::settings_error},
      {"a setting cut off",
       {{2, octets({0}) + test::record(0x04, octets({0x33}))}},
       false,
       Http3Code::frame_error},
      {"endless SETTINGS",
       {{2, octets({0}) + varint(0x04) + varint(u64{1} << 40U)}},
       false,
       Http3Code::excessive_load},
      {"DATA on the control stream", {{2, control + data({})}}, false, Http3Code::frame_unexpected},
      {"a frame of HTTP/2", {{2, control + test::record(0x06, {})}}, false, Http3Code::frame_unexpected},
      {"a GOAWAY without a number", {{2, control + test::record(0x07, {})}}, false, Http3Code::frame_error},
      {"the control stream's end", {{2, control}}, true, Http3Code::closed_critical_stream},
      {"a dynamic table",
       {{2, octets({0x02, 0x3F, 0xE1, 0x1F})}},
       false,
       Http3Code::qpack_encoder_stream_error},
      {"an acknowledged section", {{2, octets({0x03, 0x80})}}, false, Http3Code::qpack_decoder_stream_error},
      {"DATA before HEADERS", {{0, data({})}}, false, Http3Code::frame_unexpected},
      {"SETTINGS in a request", {{0, test::settings({})}}, false, Http3Code::frame_unexpected},
      {"trailers", {{0, connect + connect}}, false, Http3Code::frame_unexpected},
      {"a request without HEADERS", {{0, octets({0x01})}}, true, Http3Code::frame_error},
      {"a request cut off", {{0, connect + varint(0) + varint(10)}}, true, Http3Code::frame_error},
      {"a capsule cut off", {{0, connect + data(octets({0x68, 0x43}))}}, true, Http3Code::frame_error},
      {"a close without a code",
       {{0, connect + data(test::record(0x2843, octets("abc")))}},
       false,
       Http3Code::message_error},
      {"an endless close",
       {{0, connect + data(varint(0x2843) + varint(u64{1} << 50U))}},
       false,
       Http3Code::message_error},
      {"a section of a dynamic table",
       {{0, test::record(0x01, octets({0x02, 0x00, 0x80}))}},
       false,
       Http3Code::qpack_decompression_failed},
      {"a static entry that is not there",
       {{0, test::record(0x01, octets({0x00, 0x00, 0xFF, 0x7F}))}},
       false,
       Http3Code::qpack_decompression_failed},
      {"a section cut off",
       {{0, test::record(0x01, octets({0x00, 0x00, 0x27}))}},
       false,
       Http3Code::qpack_decompression_failed},
      {"a session of a stream that cannot ask",
       {{0, connect}, {4, octets({0x40, 0x41, 0x03})}},
       false,
       Http3Code::id_error},
  };
  for (const Broken& broken : all) {
    Recorder recorder;
    Http3Server one(recorder);
    one.begin(kOurControl);
    std::optional<Http3Error> failed;
    for (std::size_t i = 0; i < broken.said.size(); ++i) {
      ASSERT_FALSE(failed) << broken.what << ": too early";
      const bool last = i + 1 == broken.said.size();
      failed = one.receive(broken.said[i].first, broken.said[i].second, broken.end && last);
    }
    ASSERT_TRUE(failed) << broken.what;
    EXPECT_EQ(failed->code, broken.code) << broken.what;
  }
}

TEST_F(Http3ServerTest, ADatagramThatNamesNoStreamEndsTheConnection) {
  open();
  EXPECT_EQ(datagram({}), Http3Code::datagram_error);
  EXPECT_EQ(datagram(octets({0xC0, 0x00})), Http3Code::datagram_error);
  EXPECT_EQ(datagram(varint(kMaxVarint / 4 + 1)), Http3Code::datagram_error);
  EXPECT_FALSE(datagram(varint(kMaxVarint / 4)));
  EXPECT_EQ(events.stray_datagrams, 1);
}

TEST_F(Http3ServerTest, TheSessionHasOneStreamAndTheConnectionOneSession) {
  open();
  open_stream();
  EXPECT_FALSE(receive(8, octets({0x40, 0x41, 0x00}) + octets("more")));
  EXPECT_EQ(events.refused[8], Http3Code::webtransport_stream_rejected);
  EXPECT_FALSE(receive(12, test::headers(test::connect_fields())));
  EXPECT_EQ(events.refused[12], Http3Code::request_rejected);
  EXPECT_EQ(events.requests.size(), 1U);
  EXPECT_TRUE(events.reliable.empty());
  EXPECT_FALSE(receive(kSession, octets("still"), true));
  EXPECT_EQ(events.reliable, "still");
  EXPECT_EQ(events.reliable_ends, 1);
}

TEST_F(Http3ServerTest, AFloodOfStreamsEndsTheConnection) {
  open();
  std::optional<Http3Code> failed;
  int streams = 0;
  for (i64 stream = 8; !failed && streams < 100; stream += 4, ++streams)
    failed = receive(stream, octets({0x40}));
  EXPECT_EQ(failed, Http3Code::excessive_load);
  EXPECT_LE(streams, static_cast<int>(Http3Server::kMaxStreams));
}

// Any bytes at all: neither a crash nor memory without bound; what is wrong is an error.
TEST_F(Http3ServerTest, NoiseNeverOpensASession) {
  u64 state = 1;
  const auto next = [&state] {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return state >> 33U;
  };
  const Octets whole = test::headers(test::connect_fields()) + test::record(0, test::close_capsule(1, "x"));
  for (int round = 0; round < 20'000; ++round) {
    Recorder recorder;
    recorder.answer = {403, "no"};
    Http3Server one(recorder);
    one.begin(kOurControl);
    for (int message = 0; message < 6; ++message) {
      Octets bytes;
      if (next() % 2 == 0) {
        bytes = next() % 2 == 0 ? test::control_stream() : whole;
        for (u64 flips = next() % 4; flips > 0; --flips)
          bytes[next() % bytes.size()] ^= static_cast<std::byte>(1U << next() % 8);
      } else {
        bytes.resize(next() % 40);
        for (std::byte& octet : bytes) octet = static_cast<std::byte>(next());
      }
      const i64 stream = std::array<i64, 5>{0, 2, 4, 6, 10}[next() % 5];
      const auto failed = next() % 8 == 0   ? one.receive_datagram(bytes)
                          : next() % 8 == 0 ? one.receive_reset(stream)
                                            : one.receive(stream, bytes, next() % 8 == 0);
      if (failed) break;
    }
    ASSERT_FALSE(one.is_open());
    ASSERT_TRUE(recorder.reliable.empty());
  }
}

}  // namespace
}  // namespace drumline::transport
