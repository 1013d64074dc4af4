// broadcast/*: what it costs to encode a tick once, to assemble a client's
// datagram from it, to decode that, how many bytes an entity takes, and what loss does.
#include <memory>
#include <vector>

#include <time.h>

#include "arena_load.hpp"
#include "bench.hpp"
#include "broadcast/cell_cache.hpp"
#include "broadcast/cell_encoder.hpp"
#include "broadcast/client_view.hpp"
#include "broadcast/state_decoder.hpp"
#include "broadcast_loss.hpp"
#include "sample_times.hpp"

namespace drumline::bench {
namespace {

using broadcast::CellEncoder;
using broadcast::ClientView;
using broadcast::StateDecoder;

constexpr u32 kDefaultPlayers = 1'000;
constexpr u32 kWarmUpTicks = 200;
constexpr u32 kAckDelayTicks = 3;
constexpr u32 kLossTicks = 400;
/// Clients that also decode, each for itself and all of them on one store; enough to measure,
/// few enough to leave the caches to the rest.
constexpr u32 kDecodingClients = 16;

/// This thread's processor time: busy neighbours do not count.
double cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// One battle of arena, its encoder, one gateway shard and all its clients.
class Battle {
 public:
  Battle(std::unique_ptr<ArenaLoad> load, std::unique_ptr<CellEncoder> encoder)
      : load_(std::move(load)), encoder_(std::move(encoder)), frame_(encoder_->frame_bytes_most() / 8 + 1) {
    for (u32 i = 0; i < load_->players(); ++i)
      views_.push_back(std::make_unique<ClientView>(plan_, PlayerSlot{i}));
    for (u32 i = 0; i < std::min(kDecodingClients, load_->players()); ++i) {
      sharing_.push_back(std::make_unique<StateDecoder>(store_, BattleId{1}));
      alone_.push_back(std::make_unique<StateDecoder>(encoder_->schema()));
    }
    seats_.resize(load_->players());
  }

  struct Spent {
    double encode_ns = 0, absorb_ns = 0, assemble_ns = 0, sharing_ns = 0, alone_ns = 0;
    u64 entity_ticks = 0, ticks = 0, client_frames = 0, decoded_frames = 0;
    u64 datagram_bytes = 0, entities_told = 0, frame_bytes = 0;
    u64 full_bytes = 0;    ///< the entities told, each id and sent field at its column's width
    u64 packed_bytes = 0;  ///< the same, quantised and packed as key frames are
  };

  Result<void> tick(Spent& spent) {
    load_->command();
    load_->step();
    world::Rules& rules = load_->rules();
    for (u32 i = 0; i < seats_.size(); ++i) {
      seats_[i] = {rules.entity_of(PlayerSlot{i}), static_cast<u32>(rules.world().tick())};
    }
    u32 entities = 0;
    for (const broadcast::SentTable& table : encoder_->schema())
      entities += rules.world().table(table.index).live_count();

    double start = cpu_ns();
    const std::size_t size = encoder_->encode(
        {.world = rules.world(), .players = load_->players(), .seats = seats_, .events = load_->events()},
        std::as_writable_bytes(std::span(frame_)));
    spent.encode_ns += cpu_ns() - start;
    spent.entity_ticks += entities;
    ++spent.ticks;
    spent.frame_bytes += size;
    if (size == 0) return Error{ErrorCode::internal, "broadcast: the frame does not fit"};

    start = cpu_ns();
    if (auto taken = cache_.absorb(std::as_bytes(std::span(frame_)).first(size)); !taken) return taken;
    spent.absorb_ns += cpu_ns() - start;
    if (cache_.take_full_request()) encoder_->request_full();

    datagrams_.resize(views_.size() * kDatagramRoom);
    sizes_.resize(views_.size());
    start = cpu_ns();
    for (std::size_t i = 0; i < views_.size(); ++i) {
      // As a gateway does: into a few buffers that a batch reuses.
      sizes_[i] =
          views_[i]->assemble(cache_, MutableBytes(datagrams_).subspan(i * kDatagramRoom, kDatagramRoom));
    }
    spent.assemble_ns += cpu_ns() - start;
    spent.client_frames += views_.size();
    for (const std::size_t each : sizes_) spent.datagram_bytes += each;
    decode(spent);
    acknowledge();
    return {};
  }

  const CellEncoder& encoder() const { return *encoder_; }
  std::size_t view_bytes() const { return views_[0]->memory_bytes(); }
  std::size_t decoder_bytes() const { return alone_[0]->memory_bytes() + alone_[0]->store().memory_bytes(); }

 private:
  static constexpr std::size_t kDatagramRoom = 1152;

  Bytes datagram(std::size_t i) const { return Bytes(datagrams_).subspan(i * kDatagramRoom, sizes_[i]); }

  void decode(Spent& spent) {
    double start = cpu_ns();
    for (std::size_t i = 0; i < sharing_.size(); ++i) {
      sharing_[i]->apply(datagram(i));
      StateDecoder::Entity self;
      static_cast<void>(sharing_[i]->find(seats_[i].entity, self));
    }
    spent.sharing_ns += cpu_ns() - start;
    start = cpu_ns();
    for (std::size_t i = 0; i < alone_.size(); ++i) alone_[i]->apply(datagram(i));
    spent.alone_ns += cpu_ns() - start;
    spent.decoded_frames += sharing_.size();
    for (auto& decoder : alone_) {
      decoder->clear_events();
      decoder->for_each([&](const StateDecoder::Entity& entity) {
        if (entity.tick() != decoder->tick()) return;
        ++spent.entities_told;
        spent.full_bytes += sizeof(EntityId);
        // Packed: the id as table, generation and slot in their least sizes.
        u32 bits = 8 + 8 + 16;
        for (const broadcast::SentField& field : entity.table().fields) {
          spent.full_bytes += world::field_size(field.type);
          bits += field.bits;
        }
        spent.packed_bytes += (bits + 7) / 8;
      });
    }
    for (std::size_t i = 0; i < alone_.size(); ++i) decoded_bytes_ += sizes_[i];
  }

  /// Every client acknowledges the key frames that it was sent, some ticks later.
  void acknowledge() {
    Late late;
    for (std::size_t i = 0; i < views_.size(); ++i) {
      if (i < alone_.size()) {
        u32 acks[32];
        sharing_[i]->take_acks(acks);
        const std::size_t count = alone_[i]->take_acks(acks);
        for (std::size_t n = 0; n < count; ++n) late.acks.emplace_back(static_cast<u32>(i), acks[n]);
      } else {
        note_keys(static_cast<u32>(i), late);
      }
    }
    late_.push_back(std::move(late));
    if (late_.size() <= kAckDelayTicks) return;
    for (const auto& [client, ack] : late_.front().acks) views_[client]->acknowledge(ack);
    late_.erase(late_.begin());
  }

  struct Late {
    std::vector<std::pair<u32, u32>> acks;
  };

  void note_keys(u32 client, Late& late) const {
    ByteReader in(datagram(client));
    in.read_bytes(broadcast::kStateFrameHeadBytes);
    while (!in.at_end()) {
      const u64 stream = in.read_varint();
      const auto type = in.read<u8>();
      const auto key = in.read<u8>();
      if (type == 1) {
        in.read_varint();
        late.acks.emplace_back(client, static_cast<u32>(stream << 8) | key);
      }
      in.read_bytes(in.read_varint());
    }
  }

  std::unique_ptr<ArenaLoad> load_;
  std::unique_ptr<CellEncoder> encoder_;
  broadcast::InterestPlan plan_{broadcast::InterestSettings{}};
  broadcast::CellCache cache_;
  std::vector<std::unique_ptr<ClientView>> views_;
  std::shared_ptr<broadcast::BodyStore> store_ = std::make_shared<broadcast::BodyStore>(encoder_->schema());
  std::vector<std::unique_ptr<StateDecoder>> sharing_, alone_;
  std::vector<u64> frame_;
  std::vector<broadcast::SeatState> seats_;
  std::vector<std::byte> datagrams_;
  std::vector<std::size_t> sizes_;
  std::vector<Late> late_;

 public:
  u64 decoded_bytes_ = 0;
};

}  // namespace

Result<void> run_broadcast(const Options& options, const Report& report) {
  const u32 players = options.players == 0 ? kDefaultPlayers : options.players;
  auto load = ArenaLoad::make(players);
  if (!load) return std::move(load).error();
  world::Rules& rules = (*load)->rules();
  auto encoder = CellEncoder::create(rules.world(), rules.map_size(), {.expected_players = players});
  if (!encoder) return std::move(encoder).error();
  Battle battle(std::move(*load), std::move(*encoder));

  Battle::Spent warm_up;
  for (u32 i = 0; i < kWarmUpTicks; ++i) {
    if (auto done = battle.tick(warm_up); !done) return done;
  }
  battle.decoded_bytes_ = 0;
  Battle::Spent spent;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(options.seconds);
  do {
    if (auto done = battle.tick(spent); !done) return done;
  } while (std::chrono::steady_clock::now() < end);

  const auto per = [](double total, u64 count) {
    return count == 0 ? 0 : total / static_cast<double>(count);
  };
  const auto figure = [&](const char* name, double value, const char* unit, u64 n) {
    Figure each;
    each.name = name;
    each.value = value;
    each.unit = unit;
    each.n = n;
    return each;
  };
  report(figure("broadcast/encode", per(spent.encode_ns, spent.entity_ticks), "ns", spent.entity_ticks));
  report(
      figure("broadcast/assemble", per(spent.assemble_ns, spent.client_frames), "ns", spent.client_frames));
  report(figure("broadcast/absorb", per(spent.absorb_ns, spent.ticks) / 1e3, "us", spent.ticks));
  report(figure("broadcast/decode_shared", per(spent.sharing_ns, spent.decoded_frames), "ns",
                spent.decoded_frames));
  report(figure("broadcast/decode", per(spent.alone_ns, spent.decoded_frames), "ns", spent.decoded_frames));
  report(figure("broadcast/entities_per_frame",
                per(static_cast<double>(spent.entities_told), spent.decoded_frames), "count",
                spent.decoded_frames));
  report(figure("broadcast/frame_bytes", per(static_cast<double>(spent.datagram_bytes), spent.client_frames),
                "B", spent.client_frames));
  report(figure("broadcast/battle_frame_bytes", per(static_cast<double>(spent.frame_bytes), spent.ticks), "B",
                spent.ticks));
  Figure bytes =
      figure("broadcast/bytes_per_entity",
             per(static_cast<double>(battle.decoded_bytes_), spent.entities_told), "B", spent.entities_told);
  bytes.rival = Figure::Rival{"full_state", per(static_cast<double>(spent.full_bytes), spent.entities_told)};
  report(bytes);
  report(figure("broadcast/full_state_packed",
                per(static_cast<double>(spent.packed_bytes), spent.entities_told), "B", spent.entities_told));
  report(figure("broadcast/view_memory", static_cast<double>(battle.view_bytes()), "B", 1));
  report(figure("broadcast/decoder_memory", static_cast<double>(battle.decoder_bytes()), "B", 1));
  for (const u32 loss_percent : {0U, 5U, 20U, 40U}) {
    if (options.stopped()) break;
    if (auto done = run_broadcast_loss(players, loss_percent, kLossTicks, report); !done) return done;
  }
  return {};
}

}  // namespace drumline::bench
