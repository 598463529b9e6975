# What the parts of the engine's test share. Sourced; the engine is there (scripts/docker-engine).
# shellcheck shell=bash

# shellcheck disable=SC2034 # for those who source it
readonly user=65532

fail() {
    echo "image-test: $*" >&2
    exit 1
}

# eventually SECONDS WORDS COMMAND...: fails unless the command succeeds within the time.
eventually() {
    local seconds=$1 words=$2 i
    shift 2
    for ((i = 0; i < seconds * 5; i++)); do
        if "$@" >/dev/null 2>&1; then
            return
        fi
        sleep 0.2
    done
    fail "not within $seconds s: $words"
}

# shown PATTERN: whether standard input has a line with it. Reads on to the end, which grep -q does not: whoever writes
# would be told that nobody listens, and `pipefail` would take that for a failure.
shown() {
    grep -E "$1" >/dev/null
}

# Whether a scrape shows hits.
has_hits() {
    curl -sf "http://$1/metrics" | shown '^wolkvox_menu_option_hits_total\{.*\} [1-9]'
}

is_ready() {
    curl -sf "http://$1/-/ready"
}

# stopped NAME: SIGTERM ends the container within 5 s, with 0.
stopped() {
    local asked=$SECONDS status
    docker stop --time 20 "$1" >/dev/null
    ((SECONDS - asked <= 6)) || fail "SIGTERM ended $1 only after $((SECONDS - asked)) s"
    status=$(docker inspect --format '{{.State.ExitCode}}' "$1")
    [[ $status == 0 ]] || { docker logs "$1" >&2; fail "SIGTERM ended $1 with $status"; }
}
