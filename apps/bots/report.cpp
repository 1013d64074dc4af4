#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bots/bots.hpp"

namespace drumline::bots {
namespace {

double ratio(double a, double b) {
  return b > 0 ? a / b : 0;
}
double ms(u64 ns) {
  return static_cast<double>(ns) * 1e-6;
}

}  // namespace

double BotsReport::delivered() const {
  return ratio(static_cast<double>(received.frames), static_cast<double>(received.frames_due));
}
double BotsReport::entities_per_frame() const {
  return ratio(static_cast<double>(entities_fresh), static_cast<double>(frames_sampled));
}
double BotsReport::bytes_per_frame() const {
  return ratio(static_cast<double>(received.frame_bytes), static_cast<double>(received.frames));
}
double BotsReport::cpu_us_per_frame() const {
  return ratio(cpu_seconds * 1e6, static_cast<double>(received.frames));
}

std::string to_text(const BotsReport& r) {
  std::string text;
  const auto line = [&text](const char* label, const std::string& value) {
    fmt::format_to(std::back_inserter(text), "{:<24}{}\n", label, value);
  };
  line(
      r.spectators ? "spectators" : "bots",
      fmt::format("{} for {:.1f} s on {} thread{}{}", r.bots, r.seconds, r.threads, r.threads == 1 ? "" : "s",
                  r.seated_after_s > 0 ? fmt::format(", all seated after {:.2f} s", r.seated_after_s) : ""));
  const std::string due =
      r.spectators ? "" : fmt::format(" of {} due ({:.4f} %)", r.received.frames_due, 100 * r.delivered());
  line("frames received", fmt::format("{}{}, {} late, {} malformed", r.received.frames, due,
                                      r.received.frames_late, r.received.frames_malformed));
  line("time between frames",
       fmt::format("{:.2f} ms p50, {:.2f} p99, {:.2f} p99.9, {:.2f} longest",
                   ms(r.interarrival_ns.percentile(50)), ms(r.interarrival_ns.percentile(99)),
                   ms(r.interarrival_ns.percentile(99.9)), ms(r.interarrival_ns.max())));
  line("entities in a frame",
       fmt::format("{:.1f} told of, {:.1f} in sight", r.entities_per_frame(),
                   ratio(static_cast<double>(r.entities_known), static_cast<double>(r.frames_sampled))));
  line("bytes in a frame", fmt::format("{:.0f}", r.bytes_per_frame()));
  line("key frames and chunks",
       fmt::format("{} decoded, {} more equal to one of those, {} different from one that had to be equal",
                   r.bodies.decoded, r.bodies.equal, r.bodies.different));
  if (!r.sights.empty()) line("sights kept", fmt::format("{}", r.sights.size()));
  line("bots' processor time", fmt::format("{:.2f} µs a frame", r.cpu_us_per_frame()));
  if (!r.spectators)
    line("commands sent", fmt::format("{} in {} datagrams, {} refused", r.received.commands_sent,
                                      r.received.command_datagrams, r.received.commands_refused));
  if (r.places_predicted > 0) {
    line("own places", fmt::format("{} of {} predicted rightly, to 1/16 unit",
                                   r.places_predicted - r.places_corrected, r.places_predicted));
  }
  for (const auto& [reason, n] : r.refused) line("", fmt::format("{} × {}", n, reason));
  line("connections lost",
       fmt::format("{}, {} came back, {} of them in another seat", r.received.session_losses,
                   r.received.reconnects, r.received.seats_lost));
  if (r.received.battles_over > 0) {
    line("battles over",
         fmt::format("{}, {} gone on to on the same connection", r.received.battles_over, r.received.visits));
  }
  line("sessions lost for good", fmt::format("{}", r.lost_for_good));
  if (r.starved > 0) line("without frames", fmt::format("{} for more than 3 s", r.starved));
  if (r.never_seated > 0) line("never seated", fmt::format("{}", r.never_seated));
  for (const auto& [reason, n] : r.losses) line("", fmt::format("{} × {}", n, reason));
  return text;
}

std::string to_json(const BotsReport& r) {
  using Json = nlohmann::ordered_json;
  Json json = {
      {"bots", r.bots},
      {"spectators", r.spectators},
      {"threads", r.threads},
      {"seconds", r.seconds},
      {"seated_after_s", r.seated_after_s},
      {"frames", r.received.frames},
      {"frames_due", r.spectators ? Json() : Json(r.received.frames_due)},
      {"delivered", r.spectators ? Json() : Json(r.delivered())},
      {"frames_late", r.received.frames_late},
      {"frames_malformed", r.received.frames_malformed},
      {"interarrival_ms",
       {{"mean", r.interarrival_ns.mean() * 1e-6},
        {"p50", ms(r.interarrival_ns.percentile(50))},
        {"p99", ms(r.interarrival_ns.percentile(99))},
        {"p999", ms(r.interarrival_ns.percentile(99.9))},
        {"max", ms(r.interarrival_ns.max())}}},
      {"entities_per_frame", r.entities_per_frame()},
      {"entities_in_sight",
       ratio(static_cast<double>(r.entities_known), static_cast<double>(r.frames_sampled))},
      {"bytes_per_frame", r.bytes_per_frame()},
      {"bodies_decoded", r.bodies.decoded},
      {"bodies_equal", r.bodies.equal},
      {"bodies_different", r.bodies.different},
      {"sights", r.sights.size()},
      {"cpu_us_per_frame", r.cpu_us_per_frame()},
      {"commands_sent", r.received.commands_sent},
      {"command_datagrams", r.received.command_datagrams},
      {"commands_refused", r.received.commands_refused},
      {"refused", r.refused},
      {"places_predicted", r.places_predicted},
      {"places_corrected", r.places_corrected},
      {"connections_lost", r.received.session_losses},
      {"reconnects", r.received.reconnects},
      {"seats_lost", r.received.seats_lost},
      {"battles_over", r.received.battles_over},
      {"visits", r.received.visits},
      {"sessions_lost_for_good", r.lost_for_good},
      {"never_seated", r.never_seated},
      {"starved", r.starved},
      {"losses", r.losses},
  };
  // Words of a peer stand in it: what is no UTF-8 is replaced, never thrown over.
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace drumline::bots
