# The few verbs that a developer needs. `make help` lists them.
SHELL := /bin/bash
JOBS ?= $(shell nproc)
BUILD := build/release

.PHONY: help demo test build setup format lint asan tsan fuzz campaigns clean

help:
	@echo "make demo [SECONDS=n] [BOTS=n]  set up, build, run a live battle and print its address"
	@echo "make test                       set up, build, run the tests"
	@echo "make build                      the release build; leaves build/drumline"
	@echo "make lint | format              clang-tidy and formatting check | format in place"
	@echo "make asan | tsan                unit tests under sanitizers"
	@echo "make fuzz [SECONDS=n]           every parser under libFuzzer, n seconds each; with RUNS=n and"
	@echo "                                PACKETS=n again and again until there were so many (tools/fuzz)"
	@echo "make campaigns                  the long fault campaigns (hours)"

setup:
	@tools/setup

build: setup
	@cmake --preset release --log-level=WARNING
	@cmake --build --preset release -j $(JOBS)
	@ln -sf release/apps/drumline/drumline build/drumline

# SECONDS is bash's own clock, so the script gets it by another name.
demo: build
	@SECONDS_TO_RUN="$(SECONDS)" BOTS="$(BOTS)" tools/demo

test: build
	@tools/test

asan tsan: setup
	@cmake --preset $@ --log-level=WARNING
	@cmake --build --preset $@ -j $(JOBS) --target unit_tests
	@ctest --test-dir build/$@ -L unit --output-on-failure

fuzz: setup
	@cmake --preset fuzz --log-level=WARNING
	@cmake --build --preset fuzz -j $(JOBS) --target fuzz_targets
	@SECONDS_EACH="$(SECONDS)" RUNS="$(RUNS)" PACKETS="$(PACKETS)" TARGETS="$(TARGETS)" tools/fuzz

format:
	@git ls-files '*.cpp' '*.hpp' | xargs clang-format -i

lint: build
	@tools/lint

campaigns: build
	@DRUMLINE_CAMPAIGN=long ctest --test-dir $(BUILD) -L campaign --output-on-failure --timeout 14400

clean:
	@rm -rf build
