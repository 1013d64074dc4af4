#include "server/gateway_thread.hpp"

#include <cstring>
#include <mutex>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/log.hpp"
#include "env/phase_clock.hpp"
#include "env/random.hpp"
#include "env/thread.hpp"
#include "server/frame_packer.hpp"

namespace drumline::server {
namespace {

namespace asio = boost::asio;

/// Receive calls in a row before frames get their turn: a flood must not hold them up.
constexpr int kReceiveCallsInARow = 16;
constexpr i64 kPublishCountersNs = 250 * kMillisecondNs;
constexpr i64 kIdleWaitNs = 100 * kMillisecondNs;
/// Packets are taken, and connections' timers looked at, once in so long, whatever
/// comes: with thousands of clients a system call then moves many packets. QUIC's
/// own timer granularity is as much (RFC 9002, section 6.1.2), and a command waits
/// for the next tick anyway.
constexpr i64 kRoundNs = kMillisecondNs;
/// After so long with frames the sockets have their turn: where sending a frame takes as long as a
/// tick there is always a further one, and what clients say would never be heard.
constexpr i64 kFramesInARowNs = kTickNs / 2;
/// What arrives over TCP is looked at for so long at most: who sends without end must not hold
/// up the frames of the others.
constexpr i64 kStreamsInARowNs = kTickNs / 4;
/// Handshakes get so much time at most before frames have their turn again.
constexpr i64 kHandshakeSliceNs = kMillisecondNs;
/// A frame so old, with newer ones behind it, is a sign of a backlog; up to one so recent all but
/// the newest are passed over. A disk that was slow once leaves less behind.
constexpr i64 kOutdatedNs = 6 * kTickNs;
constexpr i64 kRecentNs = 2 * kTickNs;

}  // namespace

struct GatewayThread::Impl {
  Impl(const GatewayThreadOptions& o, const auth::TicketSealer& tickets, const env::Clock& system_clock,
       gateway::GatewayLinks links, std::vector<FrameSource> frame_sources, env::Wakeup event)
      : options(o),
        clock(system_clock),
        sources(std::move(frame_sources)),
        progress(sources.size()),
        wakeup(std::move(event)),
        shard(o.gateway, std::move(links), tickets, system_clock) {}

  void arm_socket();
  void arm_wakeup();
  void poll_streams();
  void receive();
  void show_frames(Histogram& schedule_ns);
  void show_frames(std::size_t source, Histogram& schedule_ns);
  bool is_outdated(std::size_t source, const FrameEnvelope& envelope, TimeNs now);
  void duty_cycle(Histogram& schedule_ns, Histogram& delivery_ns);
  bool handshakes_wait() const { return quic->waiting() > 0 || tcp->waiting() > 0; }
  void work_on_handshakes();
  void publish_counters();

  GatewayThreadOptions options;
  const env::Clock& clock;
  std::vector<FrameSource> sources;
  /// Of one source of frames.
  struct Progress {
    u64 laps_seen = 0;
    bool disk_works = false;  ///< the next frame has been here for a while and was not durable
    bool catches_up = false;
  };
  std::vector<Progress> progress;  ///< by source
  bool frames_left = false;        ///< there may be more to show: no time to sleep
  /// When the oldest frame shown in this cycle could have been; 0: none was.
  std::atomic<TimeNs> shown_since{0};
  env::Wakeup wakeup;
  gateway::GatewayShard shard;
  env::SystemRandom random;
  std::unique_ptr<env::Network> network = env::make_system_network();
  std::unique_ptr<env::DatagramSocket> socket;
  std::unique_ptr<transport::QuicServer> quic;
  // The io_context outlives the listener and the descriptors on it.
  asio::io_context io{1};
  std::unique_ptr<transport::TcpListener> tcp;  ///< null once the thread has ended
  asio::posix::stream_descriptor socket_events{io};
  asio::posix::stream_descriptor wakeup_events{io};
  TimeNs next_round = 0;  ///< when packets and timers are looked at again
  bool socket_armed = false;
  std::atomic<bool> stopping{false};
  std::atomic<i64> stop_grace_ns{0};
  TimeNs published_counters_at = 0;
  mutable std::mutex counters_mutex;  ///< taken a few times a second
  TransportCounters published_counters;
};

Result<std::unique_ptr<GatewayThread>> GatewayThread::create(const GatewayThreadOptions& options,
                                                             const transport::TokenVerifier& verify_token,
                                                             const auth::TicketSealer& tickets,
                                                             const env::Clock& clock,
                                                             gateway::GatewayLinks links,
                                                             std::vector<FrameSource> frames) {
  auto wakeup = env::Wakeup::create();
  if (!wakeup) return std::move(wakeup).error();
  auto impl = std::make_unique<Impl>(options, tickets, clock, std::move(links), std::move(frames),
                                     std::move(*wakeup));

  env::Network::BindOptions bind;
  bind.sharing = options.sharing;
  auto socket = impl->network->bind(options.quic_address, bind);
  if (!socket) return std::move(socket).error();
  impl->socket = std::move(*socket);

  auto quic = transport::QuicServer::create(options.quic, impl->random, impl->shard, impl->socket->batch());
  if (!quic) return std::move(quic).error();
  impl->quic = std::move(*quic);

  transport::TcpListenerOptions tcp = options.tcp;
  tcp.sharing = options.sharing;
  // Free ports are one number where that is free, so that it can be given as --port again.
  if (tcp.port == 0) tcp.port = impl->socket->local().port;
  auto listener = transport::TcpListener::create(impl->io, tcp, verify_token, impl->shard);
  if (!listener && options.tcp.port == 0) {
    tcp.port = 0;
    listener = transport::TcpListener::create(impl->io, tcp, verify_token, impl->shard);
  }
  if (!listener) return std::move(listener).error();
  impl->tcp = std::move(*listener);
  return std::unique_ptr<GatewayThread>(new GatewayThread(std::move(impl)));
}

GatewayThread::GatewayThread(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

GatewayThread::~GatewayThread() {
  stop(0);
  // The descriptors belong to the socket and the wakeup, which close them.
  impl_->socket_events.release();
  impl_->wakeup_events.release();
}

void GatewayThread::start() {
  impl_->socket_events.assign(impl_->socket->descriptor());
  impl_->wakeup_events.assign(impl_->wakeup.descriptor());
  thread_ = std::thread([this] { run(); });
}

void GatewayThread::notify() {
  impl_->wakeup.notify();
}

void GatewayThread::begin_stop(i64 grace_ns) {
  if (impl_->stopping.load()) return;
  impl_->stop_grace_ns.store(grace_ns);
  impl_->stopping.store(true);
  notify();
}

void GatewayThread::stop(i64 grace_ns) {
  if (!thread_.joinable()) return;
  begin_stop(grace_ns);
  thread_.join();
}

env::Address GatewayThread::quic_local() const {
  return impl_->socket->local();
}
int GatewayThread::quic_descriptor() const {
  return impl_->socket->descriptor();
}
env::Address GatewayThread::tcp_local() const {
  return impl_->tcp->local();
}
const gateway::GatewayCounters& GatewayThread::gateway_counters() const {
  return impl_->shard.counters();
}
const transport::WebSocketCounters* GatewayThread::websocket_counters() const {
  return impl_->tcp ? &impl_->tcp->websocket_counters() : nullptr;
}
const transport::TlsCounters* GatewayThread::tls_counters() const {
  return impl_->tcp ? &impl_->tcp->counters() : nullptr;
}
TimeNs GatewayThread::delivering_since() const {
  return impl_->shown_since.load(std::memory_order_relaxed);
}
TransportCounters GatewayThread::transport_counters() const {
  const std::lock_guard lock(impl_->counters_mutex);
  return impl_->published_counters;
}

void GatewayThread::Impl::arm_socket() {
  if (socket_armed) return;
  socket_armed = true;
  socket_events.async_wait(asio::posix::stream_descriptor::wait_read, [this](const auto& error) {
    socket_armed = false;
    if (!error) receive();
  });
}

void GatewayThread::Impl::arm_wakeup() {
  wakeup_events.async_wait(asio::posix::stream_descriptor::wait_read, [this](const auto& error) {
    if (error) return;
    wakeup.drain();
    arm_wakeup();
  });
}

void GatewayThread::Impl::poll_streams() {
  const TimeNs end = clock.now() + kStreamsInARowNs;
  while (io.poll_one() > 0 && clock.now() < end) {
  }
}

void GatewayThread::Impl::receive() {
  const env::Address local = socket->local();
  for (int i = 0; i < kReceiveCallsInARow; ++i) {
    const auto packets = socket->receive();
    if (packets.empty()) break;
    quic->receive(packets, local, clock.now());
  }
  next_round = clock.now() + kRoundNs;
}

void GatewayThread::Impl::show_frames(Histogram& schedule_ns) {
  for (std::size_t source = 0; source < sources.size(); ++source) show_frames(source, schedule_ns);
}

// The one place where "durable before visible" is decided.
void GatewayThread::Impl::show_frames(std::size_t source, Histogram& schedule_ns) {
  BroadcastRing::Consumer& frames = *sources[source].frames;
  const TimeNs begun = clock.now();
  while (const auto bytes = frames.peek()) {
    DRUM_ASSERT(bytes->size() > sizeof(FrameEnvelope));
    FrameEnvelope envelope;
    std::memcpy(&envelope, bytes->data(), sizeof envelope);
    const u64 laps = frames.lapped();
    if (laps != progress[source].laps_seen) {
      progress[source].laps_seen = laps;
      frames.release();
      shard.on_lapped();
      frames.skip_to_end();
      break;
    }
    if (envelope.journal_sequence > sources[source].durable()) {
      // Shown next time; the frame must not stay pinned while the disk works.
      progress[source].disk_works = true;
      frames.release_unread();
      break;
    }
    const TimeNs now = clock.now();
    const bool outdated = is_outdated(source, envelope, now);
    const TimeNs since = std::exchange(progress[source].disk_works, false) ? now : envelope.published_at;
    const TimeNs oldest = shown_since.load(std::memory_order_relaxed);
    if (oldest == 0 || since < oldest) shown_since.store(since, std::memory_order_relaxed);
    quic->advance(now);
    const env::PhaseScope phase(env::Phase::assemble);
    const bool whole = for_each_packed(bytes->subspan(sizeof envelope),
                                       [&](Bytes frame) { shard.deliver(frame, outdated); });
    DRUM_ASSERT(whole);
    schedule_ns.record(static_cast<u64>(now - envelope.published_at));
    frames.release();
    // Those that are passed over take no time.
    if (!outdated && clock.now() - begun >= kFramesInARowNs) {
      frames_left = true;
      break;
    }
  }
}

/// Whether only newer frames of the source are worth sending: this thread has fallen behind, and to
/// send each in turn would keep it there. What a frame tells is taken in all the same.
bool GatewayThread::Impl::is_outdated(std::size_t source, const FrameEnvelope& envelope, TimeNs now) {
  const i64 age_ns = now - envelope.published_at;
  bool& catches_up = progress[source].catches_up;
  if (age_ns > kOutdatedNs) catches_up = true;
  if (age_ns < kRecentNs) catches_up = false;
  return catches_up && sources[source].frames->has_more();
}

void GatewayThread::Impl::duty_cycle(Histogram& schedule_ns, Histogram& delivery_ns) {
  frames_left = false;
  show_frames(schedule_ns);
  shard.on_battles_changed();
  const TimeNs now = clock.now();
  if (now >= next_round) {
    if (quic->deadline() <= now) {
      quic->on_timer(now);
      next_round = now + kRoundNs;
    }
    if (shard.deadline() <= now) shard.on_timer(now);
  }
  quic->flush(now);
  socket->batch().flush();
  if (const TimeNs since = shown_since.load(std::memory_order_relaxed); since != 0) {
    delivery_ns.record(static_cast<u64>(clock.now() - since));
    shown_since.store(0, std::memory_order_relaxed);
  }
  work_on_handshakes();
  if (now - published_counters_at >= kPublishCountersNs) publish_counters();
}

// Whoever comes waits for those who play, who have had their frames by now; but never for ever.
void GatewayThread::Impl::work_on_handshakes() {
  if (!handshakes_wait()) return;
  const env::PhaseScope phase(env::Phase::handshakes);
  TimeNs now = clock.now();
  const TimeNs end = now + kHandshakeSliceNs;
  for (bool more = true; more && now < end; now = clock.now()) {
    more = quic->handshake_one(now);
    more |= tcp->handshake_one();
  }
  quic->flush(now);
  socket->batch().flush();
}

void GatewayThread::Impl::publish_counters() {
  published_counters_at = clock.now();
  const std::lock_guard lock(counters_mutex);
  published_counters = {quic->counters(), socket->counters(), quic->connections(), quic->half_open(),
                        quic->waiting()};
}

void GatewayThread::run() {
  Impl& impl = *impl_;
  env::set_thread_name("gateway-" + std::to_string(impl.options.gateway.shard));
  env::set_timer_slack(1000);
  if (impl.options.cpu >= 0) env::pin_thread(static_cast<u32>(impl.options.cpu));
  impl.arm_socket();
  impl.arm_wakeup();

  TimeNs stop_at = 0;
  while (true) {
    const TimeNs now = impl.clock.now();
    if (impl.stopping.load(std::memory_order_acquire)) {
      if (stop_at == 0) {
        stop_at = now + impl.stop_grace_ns.load();
        impl.quic->stop_accepting();
        impl.tcp->stop_accepting();
        impl.shard.close_all(transport::CloseCode::server_stopping, "the server is stopping", 1000);
      }
      const bool all_gone = impl.quic->connections() == 0 && impl.tcp->sessions() == 0;
      if (all_gone || now >= stop_at) break;
    }
    const TimeNs due = std::max(std::min(impl.quic->deadline(), impl.shard.deadline()), impl.next_round);
    const TimeNs deadline = std::min(impl.socket_armed ? due : impl.next_round, now + kIdleWaitNs);
    phases_.begin_round();
    if (deadline > now && !impl.handshakes_wait() && !impl.frames_left) {
      const env::PhaseScope phase(env::Phase::wait);
      impl.io.run_one_for(std::chrono::nanoseconds(deadline - now));
    }
    if (impl.clock.now() >= impl.next_round) impl.arm_socket();
    impl.poll_streams();
    impl.duty_cycle(schedule_ns_, delivery_ns_);
  }
  phases_.end_round();
  impl.quic->close_all(transport::CloseCode::server_stopping, "the server is stopping");
  impl.quic->flush(impl.clock.now());
  impl.socket->batch().flush();
  impl.tcp.reset();
  impl.publish_counters();
}

}  // namespace drumline::server
