// The generated messages with the builder, for tests that play the server.
export * as flatbuffers from "flatbuffers";
export * from "../generated/client_message_generated";
export * from "../generated/combat_command_generated";
export * from "../generated/server_message_generated";
