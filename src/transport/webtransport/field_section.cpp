#include "transport/webtransport/field_section.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include <nghttp3/nghttp3.h>

#include "base/freed.hpp"

namespace drumline::transport {

namespace {

using Decoder = std::unique_ptr<nghttp3_qpack_decoder, Freed<nghttp3_qpack_decoder_del>>;
using Encoder = std::unique_ptr<nghttp3_qpack_encoder, Freed<nghttp3_qpack_encoder_del>>;
using Context = std::unique_ptr<nghttp3_qpack_stream_context, Freed<nghttp3_qpack_stream_context_del>>;
using Text = std::unique_ptr<nghttp3_rcbuf, Freed<nghttp3_rcbuf_decref>>;

// What a field counts beside its letters (RFC 9114, section 4.2.2).
constexpr std::size_t kFieldOverheadBytes = 32;

std::string_view view(const Text& text) {
  const nghttp3_vec vec = nghttp3_rcbuf_get_buf(text.get());
  return {reinterpret_cast<const char*>(vec.base), vec.len};
}

/// A buffer that nghttp3 allocates and we free.
struct Buffer {
  Buffer() { nghttp3_buf_init(&buf); }
  ~Buffer() { nghttp3_buf_free(&buf, nghttp3_mem_default()); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  void append_to(std::vector<std::byte>& out) const {
    const auto* from = reinterpret_cast<const std::byte*>(buf.pos);
    out.insert(out.end(), from, from + nghttp3_buf_len(&buf));
  }
  nghttp3_buf buf;
};

/// Puts one field where it belongs.
class Collector {
 public:
  Result<void> add(std::string_view name, std::string_view value) {
    if (name.empty() || std::any_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
      return malformed("a field name is empty or in capitals");
    }
    if (name.front() != ':') {
      regular_seen_ = true;
      // A browser sends each once; of a field that is repeated the first counts, as on the WebSocket.
      if (name == "origin" && fields_.origin.empty()) fields_.origin = value;
      if (name == "authorization" && fields_.authorization.empty()) fields_.authorization = value;
      return {};
    }
    if (regular_seen_) return malformed("a pseudo field comes after the others");
    struct Known {
      std::string_view name;
      std::string RequestFields::*member;
    };
    static constexpr std::array<Known, 5> kKnown = {{{":method", &RequestFields::method},
                                                     {":protocol", &RequestFields::protocol},
                                                     {":scheme", &RequestFields::scheme},
                                                     {":authority", &RequestFields::authority},
                                                     {":path", &RequestFields::path}}};
    for (const Known& known : kKnown) {
      if (known.name != name) continue;
      std::string& field = fields_.*known.member;
      if (!field.empty()) return malformed("a pseudo field is repeated");
      field = value;
      return {};
    }
    return malformed("a pseudo field is unknown");
  }

  RequestFields take() { return std::move(fields_); }

 private:
  static Error malformed(std::string sentence) { return {ErrorCode::malformed, std::move(sentence)}; }

  RequestFields fields_;
  bool regular_seen_ = false;
};

}  // namespace

Result<RequestFields> decode_request(Bytes section, std::size_t max_bytes) {
  const nghttp3_mem* const memory = nghttp3_mem_default();
  nghttp3_qpack_decoder* made_decoder = nullptr;
  nghttp3_qpack_stream_context* made_context = nullptr;
  if (nghttp3_qpack_decoder_new(&made_decoder, 0, 0, memory) != 0)
    return Error{ErrorCode::internal, "QPACK: out of memory"};
  const Decoder decoder(made_decoder);
  if (nghttp3_qpack_stream_context_new(&made_context, 0, memory) != 0)
    return Error{ErrorCode::internal, "QPACK: out of memory"};
  const Context context(made_context);

  Collector collector;
  std::size_t total = 0;
  for (;;) {
    nghttp3_qpack_nv field{};
    u8 flags = NGHTTP3_QPACK_DECODE_FLAG_NONE;
    const nghttp3_ssize read =
        nghttp3_qpack_decoder_read_request(decoder.get(), context.get(), &field, &flags,
                                           reinterpret_cast<const u8*>(section.data()), section.size(), 1);
    if (read < 0) return Error{ErrorCode::corrupt, nghttp3_strerror(static_cast<int>(read))};
    section = section.subspan(static_cast<std::size_t>(read));
    if ((flags & NGHTTP3_QPACK_DECODE_FLAG_BLOCKED) != 0)
      return Error{ErrorCode::corrupt, "a field section refers to a dynamic table that we do not have"};
    if ((flags & NGHTTP3_QPACK_DECODE_FLAG_EMIT) != 0) {
      const Text name(field.name);
      const Text value(field.value);
      total += view(name).size() + view(value).size() + kFieldOverheadBytes;
      if (total > max_bytes) {
        return Error{ErrorCode::exhausted,
                     "The request's header is larger than " + std::to_string(max_bytes) + " bytes."};
      }
      if (auto added = collector.add(view(name), view(value)); !added) return std::move(added).error();
    }
    if ((flags & NGHTTP3_QPACK_DECODE_FLAG_FINAL) != 0) return collector.take();
    if (read == 0 && (flags & NGHTTP3_QPACK_DECODE_FLAG_EMIT) == 0)
      return Error{ErrorCode::corrupt, "a field section is cut off"};
  }
}

std::vector<std::byte> encode_response(unsigned status, bool has_body) {
  const nghttp3_mem* const memory = nghttp3_mem_default();
  nghttp3_qpack_encoder* made = nullptr;
  if (nghttp3_qpack_encoder_new(&made, 0, memory) != 0) return {};
  const Encoder encoder(made);
  std::string number = std::to_string(status);
  const auto field = [](std::string_view name, std::string_view value) {
    return nghttp3_nv{reinterpret_cast<u8*>(const_cast<char*>(name.data())),
                      reinterpret_cast<u8*>(const_cast<char*>(value.data())), name.size(), value.size(),
                      NGHTTP3_NV_FLAG_NONE};
  };
  const std::array<nghttp3_nv, 2> fields = {field(":status", number),
                                            field("content-type", "text/plain; charset=utf-8")};
  Buffer prefix;
  Buffer section;
  Buffer instructions;
  if (nghttp3_qpack_encoder_encode(encoder.get(), &prefix.buf, &section.buf, &instructions.buf, 0,
                                   fields.data(), has_body ? 2 : 1) != 0) {
    return {};
  }
  std::vector<std::byte> out;
  prefix.append_to(out);
  section.append_to(out);
  return out;
}

}  // namespace drumline::transport
