#!/usr/bin/env bash
# Every family, as `vkseg info` tells it, and every kind of prompt that it was not made for: refused before a device
# is needed, with exit code 2, what it takes instead, and the families that take the kind. A family that models.def
# gains and no line here names fails.
#   tests/cli/families.sh VKSEG
set -u

vkseg=$(realpath "${1:?usage: families.sh VKSEG}")
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export VKS_CACHE=off
passed=0 failed=0

# family; a model of it; GMAC an image (or volume); millions of parameters; input; what it accepts: p(oint) b(ox)
# m(ask) s(upport) v(olume); +: it keeps a memory of slices
families='
sam        synthetic:sam_vit_b     470.9  93.7   1024  pbm   vit_b       Apache-2.0
medsam     synthetic:medsam        470.9  93.7   1024  b     vit_b       Apache-2.0
mobile_sam synthetic:mobile_sam    37.4   9.8    1024  pbm   tiny_vit_5m Apache-2.0
lite_medsam synthetic:lite_medsam  36.2   9.8    256   b     tiny_vit_5m Apache-2.0
sam_med2d  synthetic:sam_med2d     35.9   271.2  256   pbm   vit_b       Apache-2.0
medsam2    synthetic:medsam2       28.2   39.0   512   pbm+  hiera_t     research
sam2       synthetic:sam2_hiera_t  140.7  39.0   1024  pbm+  hiera_t     Apache-2.0
universeg  synthetic:universeg     20.6   1.2    128   s     v1          OpenRAIL
meshnet    synthetic:meshnet       444.0  0.0    256   v     10.layers   MIT
'
families=$(grep . <<<"$families")

bad() {
    failed=$((failed + 1))
    printf 'FAILED: vkseg %s\n  %s\n' "$command_line" "$1"
    sed 's/^/  | /' err
}

# expect CODE PATTERN... -- WORD...: the exit code; every pattern on stderr, or, of code 0, on stdout.
expect() {
    local code=$1 file=err pattern
    local patterns=()
    shift
    while [ "$1" != -- ]; do patterns+=("$1"); shift; done
    shift
    command_line="$*"
    "$vkseg" "$@" >out 2>err </dev/null
    local got=$?
    [ "$code" -eq 0 ] && file=out
    [ "$got" -eq "$code" ] || { bad "exit code $got, expected $code"; return; }
    [ "$code" -eq 0 ] || [ ! -s out ] || { bad 'stdout is not empty although the command failed'; return; }
    for pattern in "${patterns[@]}"; do
        grep -Eq -- "$pattern" "$file" || { bad "nothing matches: $pattern"; return; }
    done
    passed=$((passed + 1))
}

# The families that accept the kind $1, as a pattern of the list that a refusal ends with.
takers() {
    local list
    for name in $(sed -n 's/^FAMILY(\(.*\))/\1/p' "$root/src/models/models.def"); do
        grep -Eq "^$name +([^ ]+ +){4}[a-z]*$1" <<<"$families" && list=${list:+$list, }$name
    done
    printf 'Families that take this kind: %s\\.' "$list"
}

# What a model of the kinds $1 takes instead.
offer() {
    case $1 in
    *v*) echo 'vkseg predict' ;;
    *s*) echo 'It takes --support DIR\.' ;;
    pbm*) echo 'It takes --point, --box, --mask-prompt\.' ;;
    b) echo 'It takes --box\.' ;;
    esac
}

{ printf 'P5 64 48 255\n'; head -c 3072 /dev/zero | tr '\0' '\200'; } >ct.pgm
{ printf 'NRRD0004\ntype: uint8\ndimension: 3\nsizes: 16 16 4\nencoding: raw\n\n'; head -c 1024 /dev/zero; } >ct.nrrd
{ printf '\223NUMPY\001\000\166\000'; printf "%-117s\n" "{'descr': '<f4', 'fortran_order': False, 'shape': (8, 8), }"
  head -c 256 /dev/zero; } >low.npy
mkdir examples
cp ct.pgm examples/1.pgm
cp ct.pgm examples/1_mask.pgm

command_line=models.def
: >err
for name in $(sed -n 's/^FAMILY(\(.*\))/\1/p' "$root/src/models/models.def"); do
    grep -q "^$name " <<<"$families" || bad "no line of this test names the family $name"
done

while read -r family model gmac millions side accepts variant licence; do
    thousands=$(awk -v m="$millions" 'BEGIN { print (m < 0.5) ? "thousand" : "million" }')
    [ "$thousands" = million ] && size="parameters +$millions million" || size='parameters +[1-9][0-9.]* thousand'
    case $accepts in
    pbm*) prompts='prompts +points, boxes, masks$' ;;
    b) prompts='prompts +boxes$' ;;
    s) prompts='prompts +none: examples \(--support\)$' ;;
    v) prompts='prompts +none: `vkseg predict`' ;;
    esac
    expect 0 ": $family $variant" "licence +$licence" "$size" " $side x $side" "$prompts" \
        "work +$gmac GMAC" 'device memory +about [0-9.]+ [MG]iB .f32., [0-9.]+ [MG]iB .f16.' -- info "$model"
    takes=$(offer "$accepts")
    segment=(segment ct.pgm -m "$model" -o a.png)
    for kind in p b m; do
        [[ $accepts == *$kind* ]] && continue
        case $kind in
        p) prompt=(--point 20,20) ;;
        b) prompt=(--box 5,5,40,40) ;;
        m) prompt=(--mask-prompt low.npy) ;;
        esac
        expect 2 "a $family model takes no prompt of this kind" "$takes" "$(takers $kind)" -- \
            "${segment[@]}" "${prompt[@]}"
    done
    expect 2 "nothing says what a $family model shall segment" "$takes" -- "${segment[@]}"
    expect 2 'no model family of this version is asked by text' -- "${segment[@]}" --text liver
    [[ $accepts == *s* ]] || expect 2 "a $family model is not shown examples" "$takes" "$(takers s)" -- \
        "${segment[@]}" --support examples
    [[ $accepts == *v* ]] || expect 2 "is a $family model, to be asked" "$takes" "$(takers v)" -- \
        predict ct.nrrd -m "$model" -o a.nii.gz
    [[ $accepts == *p* ]] || expect 2 "auto asks a model at points, and a $family model takes none" "$(takers p)" -- \
        auto ct.pgm -m "$model" -o a.json
    [[ $accepts == *[vs]* ]] && expect 2 "a $family model makes no embedding" "$takes" -- \
        encode ct.pgm -m "$model" -o a.npy
    [[ $accepts == *[pb]* && $accepts != *+* ]] && expect 2 "a $family model keeps no memory" 'MedSAM2' -- \
        segment ct.nrrd -m "$model" --box 2,2,9,9@1 --propagate memory -o a.nii.gz
done <<<"$families"
expect 0 'demo.* checkpoint' 'licence' -- info demo
expect 0 'work +24\.5 GMAC' 'parameters +90\.7 million' 'adapters are left out' -- \
    info synthetic:sam_med2d --model-option adapters=off

printf '%d checks passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
