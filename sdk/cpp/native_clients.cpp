#include "client/native_clients.hpp"

#include <algorithm>
#include <string>

namespace drumline::client {

using transport::CloseCode;
using transport::Session;

/// What the owner holds: nothing yet, then the way that won.
class NativeClients::Race final : public Session {
 public:
  explicit Race(u64 race_number) : number(race_number) {}

  transport::TransportKind kind() const override {
    return winner != nullptr ? winner->kind() : transport::TransportKind::quic;
  }
  const transport::PeerIdentity& identity() const override {
    static const transport::PeerIdentity kNobody;
    return winner != nullptr ? winner->identity() : kNobody;
  }
  env::Address peer() const override {
    const Session* const any = winner != nullptr ? winner : quic != nullptr ? quic : tls;
    return any != nullptr ? any->peer() : env::Address{};
  }
  std::size_t max_datagram_bytes() const override {
    return winner != nullptr ? winner->max_datagram_bytes() : 0;
  }
  bool send_datagram(Bytes payload) override { return winner != nullptr && winner->send_datagram(payload); }
  bool send_early(Bytes bytes) override { return quic != nullptr && quic->send_early(bytes); }
  bool send_reliable(Bytes bytes) override { return winner != nullptr && winner->send_reliable(bytes); }
  void close(CloseCode code, std::string_view reason) override {
    if (winner != nullptr) return winner->close(code, reason);
    give_up(code, reason);
  }

  /// There is to be no winner. Both ways are closed; they say so when they are.
  void give_up(CloseCode code, std::string_view reason) {
    if (given_up) return;
    given_up = true;
    tls_due = false;
    close_code = code;
    close_reason.assign(reason);
    if (quic != nullptr) quic->close(code, reason);
    if (tls != nullptr) tls->close(code, reason);
  }

  u64 number;
  Session* quic = nullptr;
  Session* tls = nullptr;
  Session* winner = nullptr;
  bool tls_due = true;  ///< it is still to start, at tls_at
  TimeNs tls_at = 0;
  bool given_up = false;
  bool told = false;  ///< the owner knows of the end
  CloseCode close_code = CloseCode::idle;
  std::string close_reason;  ///< what stood in each way so far
};

NativeClients::NativeClients(Ways ways, transport::SessionHandler& handler)
    : ways_(std::move(ways)), handler_(handler) {}

NativeClients::~NativeClients() = default;

Result<Session*> NativeClients::connect(u64 context, TimeNs now) {
  const u64 number = next_number_++;
  auto quic = ways_.quic(number, now);
  if (!quic) return std::move(quic).error();
  auto race = std::make_unique<Race>(number);
  race->context = context;
  race->quic = *quic;
  race->tls_at = now + ways_.head_start_ns;
  return races_.emplace(number, std::move(race)).first->second.get();
}

void NativeClients::poll(TimeNs now) {
  std::vector<u64> due;
  for (const auto& [number, race] : races_) {
    if (race->tls_due && race->tls_at <= now) due.push_back(number);
  }
  for (const u64 number : due) {
    if (const auto found = races_.find(number); found != races_.end() && found->second->tls_due)
      start_tls(*found->second, now);
    drop_if_over(number);
  }
}

TimeNs NativeClients::deadline() const {
  TimeNs first = INT64_MAX;
  for (const auto& [number, race] : races_) {
    if (race->tls_due) first = std::min(first, race->tls_at);
  }
  return first;
}

void NativeClients::start_tls(Race& race, TimeNs now) {
  race.tls_due = false;
  auto tls = ways_.tls(race.number, now);
  if (tls)
    race.tls = *tls;
  else
    lose(race, CloseCode::internal, "TLS over TCP: " + tls.error().message);
}

NativeClients::Race* NativeClients::race_of(const Session& session) {
  const auto found = races_.find(session.context);
  return found != races_.end() ? found->second.get() : nullptr;
}

void NativeClients::on_open(Session& session) {
  Race* const race = race_of(session);
  if (race == nullptr) return;
  if (race->winner != nullptr || race->given_up) {
    session.close(CloseCode::none, "another way was faster");
    return;
  }
  race->winner = &session;
  race->tls_due = false;
  const bool quic_won = &session == race->quic;
  (quic_won ? won_by_quic_ : won_by_tls_) += 1;
  if (Session* const other = quic_won ? race->tls : race->quic; other != nullptr)
    other->close(CloseCode::none, "another way was faster");
  handler_.on_open(*race);
}

void NativeClients::on_reliable(Session& session, Bytes bytes) {
  Race* const race = race_of(session);
  if (race != nullptr && race->winner == &session) handler_.on_reliable(*race, bytes);
}

void NativeClients::on_datagram(Session& session, Bytes payload) {
  Race* const race = race_of(session);
  if (race != nullptr && race->winner == &session) handler_.on_datagram(*race, payload);
}

void NativeClients::on_close(Session& session, CloseCode code, std::string_view reason) {
  Race* const race = race_of(session);
  if (race == nullptr) return;
  const u64 number = race->number;
  const bool won = race->winner == &session;
  const bool was_quic = race->quic == &session;
  (was_quic ? race->quic : race->tls) = nullptr;
  if (won) {
    race->winner = nullptr;
    race->given_up = race->told = true;
    race->tls_due = false;
    handler_.on_close(*race, code, reason);
  } else if (race->winner == nullptr && !race->told) {
    lose(*race, code, std::string(was_quic ? "QUIC: " : "TLS over TCP: ").append(reason));
  }
  drop_if_over(number);
}

/// One way came to nothing.
void NativeClients::lose(Race& race, CloseCode code, std::string_view reason) {
  if (!race.given_up) {
    race.close_code = code;
    race.close_reason += race.close_reason.empty() ? "" : "; ";
    race.close_reason += reason;
    // The server has answered, and says the same on every way.
    const bool final = code == CloseCode::unauthenticated || code == CloseCode::version;
    if (final) race.give_up(code, std::string(race.close_reason));
    if (race.tls_due) race.tls_at = 0;
  }
  const bool nothing_left = race.quic == nullptr && race.tls == nullptr && !race.tls_due;
  if (!nothing_left || race.told) return;
  race.told = true;
  handler_.on_close(race, race.close_code, race.close_reason);
}

void NativeClients::drop_if_over(u64 number) {
  const auto found = races_.find(number);
  if (found == races_.end()) return;
  const Race& race = *found->second;
  if (race.told && race.quic == nullptr && race.tls == nullptr) races_.erase(found);
}

}  // namespace drumline::client
