# support.sh: what the scripts of this folder share; sourced, with their arguments VKSEG [VKSEGDEV]. Leaves the shell in
# an empty folder that is removed at the end, without the user's settings and caches.
vkseg=$(realpath "${1:?usage: $(basename "$0") VKSEG [VKSEGDEV]}")
vksegdev=${2:+$(realpath "$2")}
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset NO_COLOR VKSEG_DEVICE VKS_LOG VKS_DEVICE VKS_OPTIONS
export VKS_CACHE=$work/cache XDG_CACHE_HOME=$work/cache
passed=0 failed=0 skipped=0
most_lines=6 # of a message

complain() {
    failed=$((failed + 1))
    printf 'FAILED: vkseg %s\n  %s\n' "$command_line" "$1"
    sed 's/^/  | /' err
}

# expect CODE PATTERN WORD...: the exit code, and a line of stderr that matches (extended regular expression). Only 11,
# a check that failed, has results on stdout besides 0.
expect() {
    local code=$1 pattern=$2 got
    shift 2
    command_line="$*"
    "$vkseg" "$@" >out 2>err </dev/null
    got=$?
    if [ "$got" -ne "$code" ]; then
        complain "exit code $got, expected $code"
    elif [ -n "$pattern" ] && ! grep -Eq -- "$pattern" err; then
        complain "no line of stderr matches: $pattern"
    elif [ "$code" -ne 0 ] && [ "$code" -ne 11 ] && [ -s out ]; then
        complain "stdout is not empty although the command failed"
    elif [ "$code" -ne 0 ] && [ "$(wc -l <err)" -gt "$most_lines" ]; then
        complain "the message is longer than $most_lines lines"
    elif grep -Eqi 'segmentation fault|stack trace|assert|Sanitizer' err; then
        complain "a crash"
    else
        passed=$((passed + 1))
    fi
}

# check NAME CONDITION...: a command of the shell that must succeed after an expect.
check() {
    local name=$1
    shift
    if "$@" >/dev/null 2>&1; then passed=$((passed + 1)); else complain "$name"; fi
}

skip() {
    skipped=$((skipped + 1))
    printf 'SKIPPED: %s\n' "$1"
}

# verdict NAME: counts, and whether all went well.
verdict() {
    printf '%s: %d passed, %d failed, %d skipped\n' "$1" "$passed" "$failed" "$skipped"
    [ "$failed" -eq 0 ]
}

# ---- volumes, byte by byte ----
bytes() {
    printf "$(printf '\\x%02x' "$@")"
}
short() {
    local value
    for value in "$@"; do bytes $((value & 255)) $((value >> 8 & 255)); done
}

# make_header SLICES: of a NIfTI-1 file of 64 x 48 x SLICES voxels, u8, 1 mm, RAS; 352 bytes.
make_header() {
    local one=(0 0 128 63) zero=(0 0 0 0)
    bytes 92 1 0 0
    head -c 36 /dev/zero
    short 3 64 48 "$1" 1 1 1 1
    head -c 14 /dev/zero
    short 2 8 0
    for _ in 1 2 3 4 5 6 7 8; do bytes "${one[@]}"; done
    bytes 0 0 176 67 # 352
    head -c 140 /dev/zero
    short 0 1
    head -c 24 /dev/zero
    bytes "${one[@]}" "${zero[@]}" "${zero[@]}" "${zero[@]}"
    bytes "${zero[@]}" "${one[@]}" "${zero[@]}" "${zero[@]}"
    bytes "${zero[@]}" "${zero[@]}" "${one[@]}" "${zero[@]}"
    head -c 16 /dev/zero
    bytes 110 43 49 0 0 0 0 0
}

# pixels K: one slice, a disc on a ramp, the brighter the greater K is.
pixels() {
    local x y row disc hex
    for ((y = 0; y < 48; y++)); do
        row=
        for ((x = 0; x < 64; x++)); do
            disc=$((((x - 30) * (x - 30) + (y - 20) * (y - 20) < 150) * 20))
            printf -v hex '\\x%02x' $(((x * 3 + y * 2 + ($1 + 1) * disc) & 255))
            row+=$hex
        done
        printf "$row"
    done
}

# make_hiera: the toy SAM 2.1 of assets/golden as hiera.safetensors, and in `hiera` what names it. Fails without
# VKSEGDEV.
make_hiera() {
    [ -n "$vksegdev" ] || return
    "$vksegdev" synth "$root/assets/golden/sam2_toy/weights.tsv" -o hiera.safetensors >out 2>err || return
    hiera=(-m hiera.safetensors --family medsam2 --model-option image_size=128 --model-option window_spec=8+4+6+4
        --model-option global_blocks=3)
}

# interrupted SIGNAL WORD...: runs vkseg until the progress has passed 4 %, then sends the signal; the exit code in
# `got`.
interrupted() {
    local signal=$1
    shift
    command_line="$* (and SIG$signal)"
    "$vkseg" "$@" --progress json >out 2>err </dev/null &
    for _ in $(seq 400); do
        grep -Eq '"fraction":0\.(0[4-9]|[1-9])' err && break
        sleep 0.02
    done
    kill -"$signal" $!
    wait $!
    got=$?
}
