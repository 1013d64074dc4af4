// tests/data/state_frames.json: datagrams and what a decoder must make of them,
// for every decoder in every language. DRUMLINE_UPDATE_GOLDEN=1 writes it anew.
#include <cstdlib>
#include <fstream>

#include <nlohmann/json.hpp>

#include "base/bytes.hpp"
#include "unit/broadcast/moving_world.hpp"

namespace drumline::broadcast::testing {
namespace {

using Json = nlohmann::ordered_json;

std::string hex_of(Bytes bytes) {
  std::string text;
  for (const std::byte each : bytes) {
    text += "0123456789abcdef"[static_cast<u8>(each) >> 4];
    text += "0123456789abcdef"[static_cast<u8>(each) & 15];
  }
  return text;
}

std::vector<std::byte> bytes_of(const std::string& hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

Json schema_json(const Schema& schema) {
  Json tables = Json::array();
  for (const SentTable& table : schema) {
    Json fields = Json::array();
    for (const SentField& field : table.fields) {
      fields.push_back({{"name", field.name},
                        {"bits", field.bits},
                        {"shift", field.shift},
                        {"is_signed", field.is_signed},
                        {"is_fixed", field.is_fixed},
                        {"role", static_cast<u32>(field.role)}});
    }
    tables.push_back({{"index", table.index}, {"name", table.name}, {"fields", fields}});
  }
  return tables;
}

Schema schema_of(const Json& json) {
  Schema schema;
  for (const Json& table : json) {
    SentTable made{.index = table["index"], .name = table["name"], .fields = {}};
    for (const Json& field : table["fields"]) {
      made.fields.push_back({.name = field["name"],
                             .bits = field["bits"],
                             .shift = field["shift"],
                             .is_signed = field["is_signed"],
                             .is_fixed = field["is_fixed"],
                             .role = static_cast<FieldRole>(field["role"].get<u32>())});
    }
    schema.push_back(made);
  }
  return schema;
}

/// What the decoder holds now, by id; events are taken from it.
Json outcome(StateDecoder& decoder) {
  std::map<u64, Json> sorted;
  decoder.for_each([&](const StateDecoder::Entity& entity) {
    Json values = Json::array();
    for (std::size_t f = 0; f < entity.table().fields.size(); ++f) values.push_back(entity.value(f));
    sorted[entity.id().value] = {
        {"id", std::to_string(entity.id().value)}, {"tick", entity.tick()}, {"values", values}};
  });
  Json entities = Json::array();
  for (const auto& [id, entity] : sorted) entities.push_back(entity);
  Json events = Json::array();
  for (const StateEvent& event : decoder.events()) {
    events.push_back({{"tick", event.tick},
                      {"kind", event.kind},
                      {"source", std::to_string(event.source.value)},
                      {"target", std::to_string(event.target.value)},
                      {"x", event.x},
                      {"y", event.y},
                      {"a", event.a},
                      {"b", event.b}});
  }
  decoder.clear_events();
  return {{"tick", decoder.tick()},
          {"last_sequence", decoder.last_sequence()},
          {"players", decoder.players()},
          {"entities", entities},
          {"events", events}};
}

Json make_golden() {
  MovingWorld world(16, 12, 90, 41);
  for (u32 i = 0; i < 10; ++i) world.put(world.players()[i], 15 + 2 * i, 32 - i);
  Server server(world, {.cell_size = Fixed::from_int(30), .key_period_ticks = 20, .overlap_ticks = 6});
  const InterestPlan plan{InterestSettings{}};
  ClientView view(plan, PlayerSlot{0});
  StateDecoder decoder(server.encoder->schema());
  Json steps = Json::array();
  for (u32 t = 0; t < 60; ++t) {
    world.step(15);
    // Some hardly move, a crowd leaves its cell at once, and one leaves his cell empty.
    for (u32 i = 10; i < 15; ++i) world.put(world.players()[i], t < 30 ? 10 + i : 45, 12);
    world.put(world.players()[15], t < 30 ? 80 : 50, t < 30 ? 80 : 20);
    std::vector<world::Event> events;
    if (t % 6 == 3) {
      events.push_back({.kind = static_cast<u8>(t % 5),
                        .source = world.players()[1],
                        .target = t % 12 == 3 ? world.players()[2] : EntityId{0},
                        .x = Fixed::from_int(20) + Fixed::from_ratio(1, 2),
                        .y = Fixed::from_int(20),
                        .a = static_cast<i32>(t) * 1000,
                        .b = -static_cast<i32>(t)});
    }
    server.tick(events);
    std::vector<std::byte> datagram(kDefaultDatagramBudget);
    datagram.resize(view.assemble(server.cache, datagram));
    if (t % 7 == 5) continue;  // lost
    decoder.apply(datagram);
    Json step = {{"datagram", hex_of(datagram)}};
    step.update(outcome(decoder));
    u32 acks[32];
    const std::size_t count = decoder.take_acks(acks);
    for (std::size_t i = 0; i < count; ++i) view.acknowledge(acks[i]);
    steps.push_back(step);
  }
  return {
      {"about",
       "State frames (docs/formats/state-frame.md) in the order of arrival, and after each what a decoder "
       "holds: entities by id with the tick that told of them and the wire values of all sent fields (signed "
       "where the field is), and the events that were new. Every 7th datagram is lost."},
      {"schema", schema_json(server.encoder->schema())},
      {"steps", steps}};
}

/// Which parts of the format some datagrams use.
std::map<std::string, u32> parts_of(const Json& golden) {
  std::map<std::string, u32> parts;
  const Schema schema = schema_of(golden["schema"]);
  std::map<u64, std::map<u8, u32>> key_counts;  // stream | key: entities by table
  for (const Json& step : golden["steps"]) {
    const std::vector<std::byte> datagram = bytes_of(step["datagram"]);
    if (!step["events"].empty()) ++parts["events"];
    ByteReader in(datagram);
    in.read_bytes(kStateFrameHeadBytes);
    while (!in.at_end()) {
      const u64 stream = in.read_varint();
      const auto type = in.read<u8>();
      const u64 key = (stream << 8) | in.read<u8>();
      const u64 age = type == 1 ? in.read_varint() : 0;
      ByteReader body(in.read_bytes(in.read_varint()));
      if (type == 1) {
        ++parts[age == 0 ? "key of this tick" : "older key"];
        std::map<u8, u32> counts;
        const u8 table = body.read<u8>();
        counts[table] = static_cast<u32>(body.read_varint());
        key_counts[key] = counts;
        continue;
      }
      if (body.read<u8>() == 0) {
        ++parts["no section"];
        continue;
      }
      // The first section tells enough.
      const u8 table = body.read<u8>();
      const u8 gone = body.read<u8>();
      ++parts["gone " + std::to_string(gone)];
      const auto known = key_counts.find(key);
      if (gone == 2 || known == key_counts.end() || !known->second.contains(table)) continue;
      const Bytes rest = body.read_bytes(body.remaining());
      BitReader bits(rest);
      u32 kept = known->second[table];
      if (gone == 1) {
        const u32 all = kept;
        for (u32 i = 0; i < all; ++i) kept -= bits.take(1) != 0 ? 1 : 0;
      }
      std::size_t fields = 0;
      for (const SentTable& each : schema) fields = each.index == table ? each.fields.size() : fields;
      for (std::size_t f = 0; f < fields && bits.ok(); ++f) {
        const u64 mode = bits.take(2);
        ++parts["mode " + std::to_string(mode)];
        if (mode == 0) continue;
        const u32 width = static_cast<u32>(bits.take(5)) + 1;
        u32 count = kept;
        if (mode == 2) {
          const u32 all = kept;
          count = 0;
          for (u32 i = 0; i < all; ++i) count += bits.take(1) != 0 ? 1 : 0;
        }
        for (u32 i = 0; i < count; ++i) bits.take(width);
      }
      if (bits.bytes_used() < rest.size() && static_cast<u8>(rest[bits.bytes_used()]) > 0)
        ++parts["newcomers"];
    }
  }
  return parts;
}

const char* const kPath = DRUMLINE_TEST_DATA "/state_frames.json";

TEST(Golden, encoder_and_view_make_these_datagrams) {
  const Json made = make_golden();
  if (std::getenv("DRUMLINE_UPDATE_GOLDEN") != nullptr) {
    std::ofstream out(kPath);
    out << "{\n\"about\": " << made["about"] << ",\n\"schema\": " << made["schema"] << ",\n\"steps\": [\n";
    for (std::size_t i = 0; i < made["steps"].size(); ++i) {
      out << made["steps"][i].dump() << (i + 1 < made["steps"].size() ? ",\n" : "\n");
    }
    out << "]\n}\n";
    ASSERT_TRUE(out.good());
  }
  std::ifstream in(kPath);
  ASSERT_TRUE(in.good()) << kPath;
  const Json kept = Json::parse(in);
  ASSERT_EQ(kept["steps"].size(), made["steps"].size());
  for (std::size_t i = 0; i < made["steps"].size(); ++i) {
    ASSERT_EQ(kept["steps"][i]["datagram"], made["steps"][i]["datagram"])
        << "datagram " << i << ": the format or the choice of chunks changed; if that is meant, "
        << "DRUMLINE_UPDATE_GOLDEN=1 writes the file anew";
  }
}

TEST(Golden, decoder_makes_of_them_what_the_file_says) {
  std::ifstream in(kPath);
  ASSERT_TRUE(in.good()) << kPath;
  const Json golden = Json::parse(in);
  StateDecoder decoder(schema_of(golden["schema"]));
  for (const Json& step : golden["steps"]) {
    ASSERT_EQ(decoder.apply(bytes_of(step["datagram"])), StateDecoder::Status::applied);
    Json expected = step;
    expected.erase("datagram");
    ASSERT_EQ(outcome(decoder), expected);
  }
}

TEST(Golden, the_file_covers_the_format) {
  std::ifstream in(kPath);
  ASSERT_TRUE(in.good()) << kPath;
  const std::map<std::string, u32> parts = parts_of(Json::parse(in));
  for (const char* part : {"key of this tick", "older key", "no section", "gone 0", "gone 1", "gone 2",
                           "mode 0", "mode 1", "mode 2", "newcomers", "events"}) {
    EXPECT_TRUE(parts.contains(part)) << part;
  }
}

}  // namespace
}  // namespace drumline::broadcast::testing
