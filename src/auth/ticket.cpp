#include "auth/ticket.hpp"

#include <charconv>
#include <memory>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "env/private_file.hpp"

namespace drumline::auth {
namespace {

constexpr u8 kVersion = 1;
constexpr std::size_t kPrefixBytes = 2;  // version and key id, authenticated but not sealed
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kPlainBytes = 32;
constexpr std::size_t kTagBytes = 16;
static_assert(kTicketBytes == kPrefixBytes + kNonceBytes + kPlainBytes + kTagBytes);

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

unsigned char* u(std::byte* bytes) {
  return reinterpret_cast<unsigned char*>(bytes);
}
const unsigned char* u(const std::byte* bytes) {
  return reinterpret_cast<const unsigned char*>(bytes);
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool parse_hex(std::string_view text, std::span<std::byte> out) {
  if (text.size() != out.size() * 2) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::byte>(high * 16 + low);
  }
  return true;
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  return line;
}

}  // namespace

TicketSealer::~TicketSealer() {
  for (Key& key : keys_) OPENSSL_cleanse(key.secret.data(), key.secret.size());
}

Result<TicketSealer> TicketSealer::parse(std::string_view text, env::Random& random) {
  TicketSealer keys(random);
  keys.keys_.reserve(kMaxKeys);  // so that no secret is left behind in memory that grew away
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = take_line(text);
    if (line.empty() || line[0] == '#') continue;
    const std::string where = "line " + std::to_string(number);
    Key key;
    const auto [end, code] = std::from_chars(line.data(), line.data() + line.size(), key.id);
    const std::string_view rest = line.substr(static_cast<std::size_t>(end - line.data()));
    if (code != std::errc() || rest.size() != 65 || rest[0] != ' ' ||
        !parse_hex(rest.substr(1), key.secret)) {
      return Error{ErrorCode::malformed,
                   where + " is not 'ID HEX' with an id from 0 to 255 and 64 hexadecimal digits"};
    }
    for (const Key& other : keys.keys_) {
      if (other.id == key.id) return Error{ErrorCode::malformed, where + " uses an id a second time"};
    }
    if (keys.keys_.size() == kMaxKeys)
      return Error{ErrorCode::exhausted, where + " is one key too many; at most 8"};
    keys.keys_.push_back(key);
    OPENSSL_cleanse(key.secret.data(), key.secret.size());
  }
  if (keys.keys_.empty())
    return Error{ErrorCode::malformed, "there is no key; remove the file to have one made"};
  return keys;
}

Result<TicketSealer> TicketSealer::load_or_create(const std::string& path, env::Random& random) {
  auto text = env::read_private_file(path, 4096);
  if (!text && text.error().code == ErrorCode::not_found) {
    std::array<std::byte, 32> secret{};
    random.fill(secret);
    std::string made = "1 ";
    for (const std::byte byte : secret) {
      made += "0123456789abcdef"[static_cast<u8>(byte) >> 4];
      made += "0123456789abcdef"[static_cast<u8>(byte) & 15U];
    }
    made += '\n';
    if (auto written = env::write_file_with_mode(path, made, 0600); !written)
      return std::move(written).error();
    OPENSSL_cleanse(secret.data(), secret.size());
    text = std::move(made);
  }
  if (!text) return std::move(text).error().within("cannot load the ticket keys");
  auto keys = parse(*text, random);
  OPENSSL_cleanse(text->data(), text->size());
  if (!keys) return std::move(keys).error().within(path);
  return keys;
}

std::vector<std::byte> TicketSealer::seal(const Ticket& ticket) const {
  std::array<std::byte, kPlainBytes> plain{};
  ByteWriter writer(plain);
  writer.write(ticket.battle.value);
  writer.write(ticket.player.value);
  writer.write(ticket.seat_generation);
  writer.write(ticket.account);
  writer.write(ticket.expires_at_s);
  DRUM_ASSERT(writer.ok() && writer.size() == kPlainBytes);

  const Key& key = keys_.front();
  std::vector<std::byte> sealed(kTicketBytes);
  sealed[0] = std::byte{kVersion};
  sealed[1] = std::byte{key.id};
  random_->fill(MutableBytes(sealed).subspan(kPrefixBytes, kNonceBytes));
  std::byte* const cipher = sealed.data() + kPrefixBytes + kNonceBytes;
  const Context context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int size = 0;
  const bool done =
      context &&
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, u(key.secret.data()),
                         u(sealed.data() + kPrefixBytes)) == 1 &&
      EVP_EncryptUpdate(context.get(), nullptr, &size, u(sealed.data()), kPrefixBytes) == 1 &&
      EVP_EncryptUpdate(context.get(), u(cipher), &size, u(plain.data()), kPlainBytes) == 1 &&
      size == kPlainBytes && EVP_EncryptFinal_ex(context.get(), u(cipher) + size, &size) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, cipher + kPlainBytes) == 1;
  DRUM_ASSERT(done);
  return sealed;
}

std::vector<std::array<std::byte, 32>> TicketSealer::derive(std::string_view purpose) const {
  std::vector<std::array<std::byte, 32>> out(keys_.size());
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    unsigned size = 0;
    const auto* const made =
        HMAC(EVP_sha256(), keys_[i].secret.data(), static_cast<int>(keys_[i].secret.size()),
             reinterpret_cast<const unsigned char*>(purpose.data()), purpose.size(), u(out[i].data()), &size);
    DRUM_ASSERT(made != nullptr && size == out[i].size());
  }
  return out;
}

Result<Ticket> TicketSealer::open(Bytes sealed, TimeNs wall_now) const {
  if (sealed.size() != kTicketBytes || sealed[0] != std::byte{kVersion}) {
    return Error{ErrorCode::malformed, "the reconnect ticket is not one of ours"};
  }
  const Key* key = nullptr;
  for (const Key& candidate : keys_) {
    if (std::byte{candidate.id} == sealed[1]) key = &candidate;
  }
  if (key == nullptr)
    return Error{ErrorCode::not_found, "the reconnect ticket's key has been retired; join anew"};

  const std::byte* const cipher = sealed.data() + kPrefixBytes + kNonceBytes;
  std::array<std::byte, kTagBytes> tag{};
  std::copy(cipher + kPlainBytes, cipher + kPlainBytes + kTagBytes, tag.begin());
  std::array<std::byte, kPlainBytes> plain{};
  const Context context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int size = 0;
  // The tag is compared in constant time, inside EVP_DecryptFinal_ex.
  const bool good = context &&
                    EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, u(key->secret.data()),
                                       u(sealed.data() + kPrefixBytes)) == 1 &&
                    EVP_DecryptUpdate(context.get(), nullptr, &size, u(sealed.data()), kPrefixBytes) == 1 &&
                    EVP_DecryptUpdate(context.get(), u(plain.data()), &size, u(cipher), kPlainBytes) == 1 &&
                    size == kPlainBytes &&
                    EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
                    EVP_DecryptFinal_ex(context.get(), u(plain.data()) + size, &size) == 1;
  ERR_clear_error();
  if (!good) return Error{ErrorCode::corrupt, "the reconnect ticket was changed or is not ours"};

  ByteReader reader(plain);
  Ticket ticket;
  ticket.battle.value = reader.read<u64>();
  ticket.player.value = reader.read<u32>();
  ticket.seat_generation = reader.read<u32>();
  ticket.account = reader.read<u64>();
  ticket.expires_at_s = reader.read<i64>();
  if (wall_now / kSecondNs >= ticket.expires_at_s) {
    return Error{ErrorCode::timeout, "the reconnect ticket has expired; join anew"};
  }
  return ticket;
}

}  // namespace drumline::auth
