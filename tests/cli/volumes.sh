#!/usr/bin/env bash
# The command line with volumes and label maps: eval, preview, segment on slices.
#   tests/cli/volumes.sh VKSEG [VKSEGDEV]
# Volumes come from tests/fuzz/corpus; real ones from $VKS_SHARED_DIR, whose absence is a visible skip.
set -u

vkseg=$(realpath "${1:?usage: volumes.sh VKSEG [VKSEGDEV]}")
vksegdev=${2:+$(realpath "$2")}
root=$(cd "$(dirname "$0")/../.." && pwd)
shared=${VKS_SHARED_DIR:-$root/../shared}
small=$root/tests/fuzz/corpus/nifti
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset NO_COLOR VKSEG_DEVICE VKS_LOG VKS_DEVICE VKS_OPTIONS
passed=0 failed=0 skipped=0

complain() {
    failed=$((failed + 1))
    printf 'FAILED: vkseg %s\n  %s\n' "$command_line" "$1"
    sed 's/^/  | /' err
}

# expect CODE PATTERN WORD...: the exit code, and a line of stderr that matches.
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
    elif grep -Eqi 'segmentation fault|assert|Sanitizer' err; then
        complain "a crash"
    else
        passed=$((passed + 1))
    fi
}

check() {
    local what=$1
    shift
    if "$@"; then passed=$((passed + 1)); else complain "$what"; fi
}

skip() {
    skipped=$((skipped + 1))
    echo "SKIPPED: $1"
}

# ---- eval ----
expect 2 'needs a file' eval "$small/flat-v1.nii"
expect 3 '' eval "$small/flat-v1.nii" nowhere.nii
expect 4 'is an image, not labels' eval "$small/int16-v1l.nii" "$small/int16-v1l.nii"
expect 4 'holds no labels' eval "$small/rgb-v1.nii" "$small/rgb-v1.nii"
expect 2 'min-dice 7' eval "$small/flat-v1.nii" "$small/flat-v1.nii" --min-dice 7
expect 2 'holds 6 volumes' eval "$small/4d-1-v2.nii" "$small/flat-v1.nii"
expect 0 '' eval "$small/flat-v1.nii" "$small/flat-v1.nii" --min-dice 1
check "the mean is 1" grep -q 'mean   1.0000' out
expect 0 '' eval "$small/flat-v1.nii" "$small/flat-v1.nii" --json
check "JSON with a mean" grep -q '"mean_dice": 1.0' out
head -c 380 "$small/flat-v1.nii" >cut.nii
expect 4 'cut off' eval cut.nii "$small/flat-v1.nii"
gzip -c "$small/flat-v1.nii" | head -c 90 >cut.nii.gz
expect 4 'cut off' eval cut.nii.gz "$small/flat-v1.nii"
if [ -f "$shared/images/ct_lesion_mask.nii.gz" ]; then
    mask=$shared/images/ct_lesion_mask.nii.gz
    expect 0 '' eval "$mask" "$mask" --min-dice 1
    expect 4 '512 x 512 x 16' eval "$small/flat-v1.nii" "$mask"
    first=$shared/images/masks/amos_0006_90_liver_000.png second=$shared/images/masks/amos_0006_90_spleen_000.png
    expect 11 'Dice of 0.0000, below 0.5' eval "$first" "$second" --min-dice 0.5
    expect 0 '' eval "$first" "$first" --min-dice 0.999
else
    skip 'real volumes: no ct_lesion_mask.nii.gz in VKS_SHARED_DIR'
fi

printf 'cli_volumes: %d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
