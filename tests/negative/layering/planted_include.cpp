// A violation on purpose: the kernel of the simulation includes the network.
#include "gateway/gateway_shard.hpp"
