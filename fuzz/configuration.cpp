// The configuration file: any text is a configuration or is refused, each problem with its place.
#include "config/load.hpp"
#include "config/print.hpp"
#include "fuzz.hpp"

namespace drumline::fuzz {

void run(Bytes input) {
  config::Sources sources;
  sources.file_name = "drumline.toml";
  sources.file_text = std::string(text_of(input));
  const config::Outcome outcome = config::load(sources);
  for (const config::Problem& problem : outcome.problems) DRUM_ASSERT(!problem.to_string().empty());
}

std::vector<Input> seeds() {
  return {input_of("[listen]\nport = 7777\naddress = \"127.0.0.1\"\n[battle]\ngame = \"arena\"\n"),
          input_of("[gateway]\nshards = 2\n[overload]\nenabled = false\n"),
          input_of("[battle]\nmax_players = \"many\"\nunknown = [1, 2, {a = 1979-05-27T07:32:00Z}]\n")};
}

}  // namespace drumline::fuzz
