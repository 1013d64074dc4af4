#!/usr/bin/env bash
# The simulation must not be able to reach a clock, randomness, floating-point
# mathematics, threads, files or the network: looks at what its libraries need
# from outside (nm), and at the words of its sources.
#
#   check_symbols LIBRARY... [--sources FOLDER...]
set -euo pipefail
libraries=() folders=() into=libraries
for word in "$@"; do
  if [ "$word" = --sources ]; then into=folders; continue; fi
  if [ $into = libraries ]; then libraries+=("$word"); else folders+=("$word"); fi
done

clocks='clock|clock_gettime|gettimeofday|time|times|localtime|gmtime|nanosleep|usleep|sleep|timespec_get'
chance='rand|srand|random|srandom|drand48|lrand48|getrandom|getentropy|arc4random'
maths='(a?(sin|cos|tan)h?|atan2|sincos|exp2?|expm1|log(10|2|1p)?|pow|sqrt|cbrt|hypot|fmod|remainder|fma|ceil|floor|round|trunc|l?lround|l?lrint|nearbyint|ldexp|frexp)[fl]?'
outside='open(at)?|fopen|socket|connect|send(to|msg)?|recv(from|msg)?|getenv|pthread_create|system|fork|execve'
mangled='_ZNSt6chrono|_ZNSt13random_device|_ZNSt6thread|_ZNSt3_V212(system|steady)_clock'
forbidden="^(($clocks|$chance|$maths|$outside)(@.*)?|($mangled).*)$"

failed=0
for library in "${libraries[@]}"; do
  found=$(nm --undefined-only --format=just-symbols "$library" 2>/dev/null | sort -u | grep -E "$forbidden" || true)
  if [ -n "$found" ]; then
    echo "determinism: $(basename "$library") needs: $(echo $found)"
    failed=1
  fi
done
for folder in "${folders[@]}"; do
  # Comments may speak of what the code must not do.
  found=$(grep -rnE --include='*.hpp' --include='*.cpp' \
            '\b(float|double|unordered_(map|set|multimap|multiset)|std::(chrono|random_device|thread|mutex|atomic)|reinterpret_cast<(std::)?uintptr_t>)\b' \
            "$folder" | grep -vE ':[0-9]+: *(//|///|\*)' || true)
  if [ -n "$found" ]; then
    echo "determinism: words that a simulation must not use:"
    echo "$found"
    failed=1
  fi
done
if [ $failed = 0 ]; then echo "determinism: ${#libraries[@]} libraries and ${#folders[@]} source folders are clean"; fi
exit $failed
