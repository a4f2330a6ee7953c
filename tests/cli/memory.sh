#!/usr/bin/env bash
# The command line with a model that remembers slices: segment --propagate memory, with assets/golden/sam2_toy.
#   tests/cli/memory.sh VKSEG VKSEGDEV
# What the numbers are is checked by models_toy (sam2_objects_toy); here: which slices, which voxels, which sentences.
set -u

. "$(dirname "$0")/support.sh"

# A stack of seven slices, all different, and the same one upside down.
for k in 0 1 2 3 4 5 6; do pixels $k >slice$k.raw; done
stack() {
    local k
    make_header $#
    for k in "$@"; do cat "slice$k.raw"; done
}
stack 0 1 2 3 4 5 6 >vol.nii
stack 6 5 4 3 2 1 0 >mirror.nii
touch model.pth

# voxels FILE...: the values of label files side by side, a voxel a line.
voxels() {
    local file
    for file in "$@"; do tail -c +353 "$file" | od -An -v -tu1 -w1 >"$file.txt"; done
    paste -d ' ' "${@/%/.txt}"
}
# slice FILE K: its bytes. equal FILE FILE K...: these slices of both are the same. empty FILE K...: no object on these.
slice() { tail -c +$((353 + 64 * 48 * $2)) "$1" | head -c $((64 * 48)); }
equal() {
    local k
    for k in "${@:3}"; do cmp -s <(slice "$1" "$k") <(slice "$2" "$k") || return; done
}
not() { ! "$@"; }
# visited: the slices in the order of their masks, as the report on stdout has them.
visited() { grep -B 1 '"area"' out | grep '"slice"' | tr -dc 0-9; }
empty() {
    local k
    for k in "${@:2}"; do cmp -s <(slice "$1" "$k") <(head -c $((64 * 48)) /dev/zero) || return; done
}

# ---- prompts that are wrong, before anything is opened ----
run=(segment vol.nii -m model.pth --propagate memory -o no.nii)
expect 2 'slice 9 is not among 0 to 6' "${run[@]}" --box 20,10,40,30@9
expect 2 'slice 3 is not among 0 to 2' "${run[@]}" --box 20,10,40,30@3 --slice 0:2
expect 2 'outside the image, which is 64 x 48' "${run[@]}" --box 20,10,40,60@3
expect 2 'nothing says which one' "${run[@]}" --point 5,5
expect 2 'object 1 has no prompt' "${run[@]}" --object
expect 2 'nothing says what to segment' "${run[@]}"
expect 2 'is for single images' "${run[@]}" --box 20,10,40,30@3 --multimask
expect 2 'already has a box' "${run[@]}" --box 20,10,40,30@3 --box 21,10,40,30@3
echo '{"objects": [{"slice": 3, "slices": [4, 6], "box": [20, 10, 40, 30]}]}' >outside.json
expect 2 "slice 3 is not among the object's, 4 to 6" "${run[@]}" --prompts outside.json
for family in sam_mini universeg; do
    expect 2 'keeps no memory of slices' segment vol.nii -m "synthetic:$family" --propagate memory -o no.nii \
        --box 20,10,40,30@3
    check "and says which do" grep -Eq 'MedSAM2 (or|and) SAM 2.1' err
done

"$vkseg" devices >out 2>err
if [ $? -ne 0 ] || ! make_hiera; then
    skip 'real runs: no Vulkan device, or no vksegdev for the toy checkpoint'
    verdict cli_memory
    exit
fi
expect 2 'takes no kept --embeddings' segment vol.nii "${hiera[@]}" --box 20,10,40,30@3 --propagate memory \
    --embeddings shelf -o no.nii
check "nothing was written" test ! -e no.nii -a ! -e shelf

# ---- one object, from the middle to both ends ----
memory=("${hiera[@]}" --propagate memory --json)
box=(--box 20,10,40,30@3)
expect 0 '' segment vol.nii "${memory[@]}" "${box[@]}" -o one.nii
check "one mask a slice" test "$(grep -c '"predicted_iou"' out)" -eq 7
check "the slices from the prompted one to the last, then to the first" test \
    "$(visited)" = 3456210
check "one slice is prompted" test "$(grep -c '"prompted": true' out)" -eq 1
check "the report says how" grep -q '"propagate": "memory"' out
place() { head -c 352 "$1" | tail -c 102; }
check "the labels lie where the volume lies" cmp <(place one.nii) <(place vol.nii)
for k in 0 1 2 3 4 5 6; do
    check "slice $k has some of it" not empty one.nii "$k"
done
expect 0 '' segment vol.nii "${hiera[@]}" "${box[@]}" -o still.nii
check "the prompted slice is what it is by itself" equal one.nii still.nii 3
check "and nothing else is" empty still.nii 0 1 2 4 5 6

# ---- the slices that are followed ----
expect 0 '' segment vol.nii "${memory[@]}" --box 20,10,40,30 --slice 2:5 -o part.nii
check "a prompt without @ stands in the middle" test "$(visited)" = 3452
check "the others stay empty" empty part.nii 0 1 6
check "the hinted one is the same" equal part.nii one.nii 3
expect 0 '' segment vol.nii "${memory[@]}" --axis sag --box 5,0,30,6@30 --slice 29:31 -o sag.nii
check "along another axis" test "$(visited)" = 303129

# ---- two objects, prompted on different slices: each is what it is alone; where they meet, the later one stands ----
second=(--box 5,5,30,30@2 --point 50,40,-@2)
expect 0 '' segment vol.nii "${memory[@]}" "${second[@]}" -o other.nii
expect 0 '' segment vol.nii "${memory[@]}" "${box[@]}" --object "${second[@]}" -o both.nii --report both.json
check "two objects, seven slices each" test "$(grep -c '"predicted_iou"' out)" -eq 14
voxels one.nii other.nii both.nii >side-by-side
check "every voxel" awk '{ wrong += $3 != ($2 ? 2 : $1); seen[$3]++ }
    END { exit wrong > 0 || !seen[0] || !seen[1] || !seen[2] }' side-by-side
check "the report holds no folder" bash -c "! grep -qF '$work' both.json"
# Backwards is forwards in a mirror, to the last voxel: both directions work, and every mask lies on its own slice.
expect 0 '' segment mirror.nii "${memory[@]}" "${box[@]}" --object --box 5,5,30,30@4 --point 50,40,-@4 \
    -o both-mirrored.nii
for k in 0 1 2 3 4 5 6; do
    check "slice $k upside down" cmp <(slice both.nii "$k") <(slice both-mirrored.nii $((6 - k)))
done

# ---- a hint on a later slice ----
expect 0 '' segment vol.nii "${memory[@]}" "${box[@]}" --point 10,40@5 -o corrected.nii
check "two slices are prompted" test "$(grep -c '"prompted": true' out)" -eq 2
check "the first prompted slice stays" equal corrected.nii one.nii 3
for k in 5 6; do
    check "slice $k is another" not equal corrected.nii one.nii "$k"
done

# ---- a mask: of the slice's size, and taken as it is ----
npy() { # WIDTH HEIGHT: a header of float32
    printf '\223NUMPY\001\000\166\000%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': ($2, $1), }"
}
zeros() { head -c $((4 * $1)) /dev/zero; }
{
    npy 64 48
    zeros $((64 * 16 + 20))
    for _ in $(seq 15); do
        printf '\000\000\200\077%.0s' $(seq 24)
        zeros 40
    done
    printf '\000\000\200\077%.0s' $(seq 24)
    zeros $((20 + 64 * 16))
} >square.npy
{
    npy 32 32
    zeros 1024
} >low.npy
expect 0 '' segment vol.nii "${memory[@]}" --mask-prompt square.npy --slice 3 -o square.nii
check "seven slices" test "$(visited)" = 3456210
{
    head -c $((64 * 16 + 20)) /dev/zero
    for _ in $(seq 15); do
        printf '\001%.0s' $(seq 24)
        head -c 40 /dev/zero
    done
    printf '\001%.0s' $(seq 24)
    head -c $((20 + 64 * 16)) /dev/zero
} >square.raw
differing=$(cmp -l square.raw <(slice square.nii 3) | wc -l)
check "the mask is what it was, but for its rim ($differing pixels)" test "$differing" -lt 80
expect 2 'is 32 x 32, but this model takes 64 x 48' segment vol.nii "${hiera[@]}" --propagate memory --slice 3 \
    --mask-prompt low.npy -o no.nii
expect 2 'is 64 x 48, but this model takes 32 x 32' segment vol.nii "${hiera[@]}" --slice 3 --mask-prompt square.npy \
    -o no.nii
expect 2 'has a mask on this slice' segment vol.nii "${hiera[@]}" --propagate memory --slice 3 --point 20,20 \
    --mask-prompt square.npy -o no.nii

# ---- too many hinted slices, and a signal ----
stack $(for k in $(seq 0 59); do echo $((k % 7)); done) >tall.nii
points=()
for k in $(seq 0 57); do points+=(--point "30,20@$k"); done
expect 4 'hints on 58 slices is attended to on 57 at most' segment tall.nii "${hiera[@]}" --propagate memory \
    "${points[@]}" -o no.nii
check "nothing was written" test ! -e no.nii
interrupted INT segment tall.nii "${hiera[@]}" --propagate memory --box 20,10,40,30@0 -o tall-out.nii --report tall.json
check "exit code 130" test "$got" -eq 130
check "a whole file" test "$(wc -c <tall-out.nii)" -eq $((352 + 60 * 64 * 48))
check "with the prompted slice" not empty tall-out.nii 0
check "and not all of it" empty tall-out.nii 59
check "the report says it is not complete" grep -q '"complete": false' tall.json
check "the sentence counts the masks" grep -Eq 'the [0-9]+ masks that were finished are written' err

verdict cli_memory
