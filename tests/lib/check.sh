#!/bin/bash
# ./dev check: runs the stages below one after the other, each under a time limit with its output in
# var/check/STAGE.log, and counts the test cases of all. The last line is `N passed, N failed`.
set -u
cd "$(dirname "$(readlink -f "$0")")/../.."
logs=var/check
jobs=$(nproc)
sanitizers=(CC=gcc --enable-sanitizers=address,undefined "CFLAGS=-g -O1")

# Stage and its limit in seconds, in order.
stages="packages:900 build:300 unit:300 man:60 web:300 integration:900 e2e:600 clang:300 sanitizers:600 distcheck:600"
long_stages="peers-sanitized:900 threads:1500 repeats:2400"

# Test cases of a stage are told by lines `@cases passed failed skipped`.
cases() { echo "@cases $1 $2 $3"; }

make_check() {
    local status=0
    make -s -C "$1" -j"$jobs" check || status=$?
    [ -f "$1/test-suite.log" ] || return 1
    awk '/^# (PASS|XPASS|FAIL|ERROR|SKIP|XFAIL):/ { n[$2] += $3 }
        END { print "@cases", n["PASS:"] + n["XFAIL:"], n["FAIL:"] + n["ERROR:"] + n["XPASS:"], n["SKIP:"] + 0 }' \
        "$1/test-suite.log"
    [ $status = 0 ] || sed -n '/^not ok\|^FAIL\|^ERROR/p' "$1/test-suite.log"
    return $status
}

configure_in() {
    local dir=$1
    shift
    [ -x configure ] && [ configure -nt configure.ac ] || autoreconf -fi || return 1
    mkdir -p "$dir"
    [ -f "$dir/Makefile" ] && [ "$(cat "$dir/.arguments" 2>/dev/null)" = "$*" ] && return
    (cd "$dir" && ../configure -q "$@" && echo "$*" >.arguments)
}

build_in() { configure_in "$@" && make -s -C "$1" -j"$jobs" && cases 1 0 0; }

stage_packages() { ./dev packages build test node && cases 1 0 0; }

# What most stages test. Each may be run alone.
gcc_build() { configure_in build-gcc CC=gcc --enable-werror && make -s -C build-gcc -j"$jobs"; }
stage_build() { gcc_build && cases 1 0 0; }
stage_unit() { gcc_build && make_check build-gcc; }
stage_clang() { build_in build-clang CC=clang --enable-werror; }

# The whole suite once more, with every memory error and undefined operation fatal. Without -Werror: gcc's
# instrumentation makes it see conversions that are not there.
stage_sanitizers() {
    build_in build-san "${sanitizers[@]}" && make_check build-san
}

stage_distcheck() {
    gcc_build && make -s -C build-gcc -j"$jobs" distcheck AM_DISTCHECK_CONFIGURE_FLAGS=-q && cases 1 0 0
}

stage_man() {
    local page passed=0 failed=0
    gcc_build || return 1
    for page in man/*.[1-8] build-gcc/man/*.[1-8]; do
        [ -f "$page" ] || continue
        # Our own pages are not installed here, and the list of others may be old.
        if mandoc -T lint -W style "$page" | grep -v 'referenced manual not found\|outdated mandoc.db'; then
            failed=$((failed + 1))
        else
            passed=$((passed + 1))
        fi
    done
    cases $passed $failed 0
    [ $failed = 0 ] && [ $passed != 0 ]
}

# Counts the TAP lines of a program's output.
tap_cases() {
    awk '{ print } /^ok / { if (/# SKIP/) k++; else p++ } /^not ok / { f++ } END { print "@cases", p + 0, f + 0, k + 0 }'
}

stage_web() {
    npm --prefix web ci --ignore-scripts || return 1
    npm --prefix web run check && cases 1 0 0 || return 1
    npm --prefix web test | tap_cases
    return "${PIPESTATUS[0]}"
}

suite() { /usr/bin/python3 tests/lib/suite.py --build "${BUILD:-build-gcc}" "$@"; }
stage_integration() { gcc_build && suite tests/integration; }
stage_e2e() { gcc_build && npm --prefix tests/e2e ci --ignore-scripts && suite tests/e2e; }

# ---- only with --all

# Real peers against the sanitizer build.
stage_peers-sanitized() { build_in build-san "${sanitizers[@]}" && BUILD=build-san suite tests/integration; }

# Every data race between control thread, store thread and workers is an error.
stage_threads() {
    build_in build-tsan CC=clang --enable-sanitizers=thread CFLAGS='-g -O1' && BUILD=build-tsan suite tests/integration
}

# Rare races of tests and daemon show when repeated.
stage_repeats() { suite --repeat 5 tests/integration && suite --repeat 3 tests/e2e; }

if [ "${1-}" = --stage ]; then
    "stage_$2"
    exit
fi

wanted=()
for arg in "$@"; do
    case $arg in
    --all) stages="$stages $long_stages" ;;
    list) for s in $stages $long_stages; do echo "${s%:*}"; done; exit ;;
    -*) echo "usage: ./dev check [--all] [STAGE…]" >&2; exit 2 ;;
    *) wanted+=("$arg"); [[ " $stages $long_stages" == *" $arg:"* ]] || { echo "no stage $arg" >&2; exit 2; } ;;
    esac
done
[ ${#wanted[@]} = 0 ] || stages=$(for s in $stages $long_stages; do
    [[ " ${wanted[*]} " == *" ${s%:*} "* ]] && echo "$s"; done)

mkdir -p "$logs"
passed=0 failed=0 skipped=0 summary=()
child=
trap '[ -z "$child" ] || kill -TERM "$child"; exit 130' INT TERM
for s in $stages; do
    name=${s%:*} log=$logs/${s%:*}.log began=$SECONDS
    printf '%-12s ' "$name"
    timeout -k 10 "${s#*:}" "$0" --stage "$name" >"$log" 2>&1 </dev/null &
    child=$!
    status=0
    wait "$child" || status=$?
    child=
    read -r p f k < <(awk '$1 == "@cases" { p += $2; f += $3; k += $4 } END { print p + 0, f + 0, k + 0 }' "$log")
    # A stage that crashed, hung or ran nothing is a failure even if no case says so.
    if [ $f = 0 ] && { [ $status != 0 ] || [ $((p + k)) = 0 ]; }; then f=1; fi
    [ $status = 124 ] && echo "stage $name ran longer than ${s#*:} s" >>"$log"
    line="$p passed, $f failed, $k skipped, $((SECONDS - began)) s"
    echo "$line"
    [ $f = 0 ] || { grep -E '^ *not ok|error:|^(FAIL|ERROR):' "$log" | head -40; tail -n 25 "$log"; echo "see $log"; }
    [ $k = 0 ] || grep -hE '# SKIP' "$log" | sort | uniq -c | head -20
    summary+=("$(printf '%-12s %s' "$name" "$line")")
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + k))
done
echo
printf '%s\n' "${summary[@]}"
echo "$skipped skipped, $SECONDS s"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
