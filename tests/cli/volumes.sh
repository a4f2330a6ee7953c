#!/usr/bin/env bash
# The command line with volumes and label maps: eval, preview, segment on slices.
#   tests/cli/volumes.sh VKSEG [VKSEGDEV]
# Volumes come from tests/fuzz/corpus; real ones from $VKS_SHARED_DIR, whose absence is a visible skip.
set -u

. "$(dirname "$0")/support.sh"
shared=${VKS_SHARED_DIR:-$root/../shared}
small=$root/tests/fuzz/corpus/nifti
most_lines=10 # a folder of eight series is listed

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

# ---- info ----
expect 0 '' info "$small/oblique0-v2-both.nii"
check "info names the format" grep -q 'nifti-2 volume, 3 x 4 x 5 voxels' out
expect 0 '' info "$small/4d-1-v2.nii" --volume 5
check "info counts the volumes" grep -q '6; this is number 5' out
expect 2 'no volume 6' info "$small/4d-1-v2.nii" --volume 6
expect 0 '' info "$small/rgb-v1.nii" --json
check "info knows colour" grep -q '"channels": 3' out

# ---- segment ----
# A volume of three slices of 64 x 48, u8, spacing 1; the middle one is ct.pgm.
pixels 1 >middle.raw
{
    make_header 3
    pixels 0
    cat middle.raw
    pixels 2
} >vol.nii
{
    printf 'P5\n64 48\n255\n'
    cat middle.raw
} >ct.pgm
gzip -kn vol.nii
check "the volume is whole" test "$(wc -c <vol.nii)" -eq $((352 + 3 * 64 * 48))
# What a header may claim: one sentence, exit 4.
lie() { # offset byte...
    local at=$1
    shift
    cp vol.nii lie.nii
    bytes "$@" | dd of=lie.nii bs=1 seek="$at" conv=notrunc 2>/dev/null
}
one_sentence() {
    expect 4 "$1" info lie.nii
    check "one sentence and one advice" test "$(wc -l <err)" -le 2
}
lie 40 9 0
one_sentence 'dimensions'
lie 42 255 255
one_sentence 'claims|-1'
lie 280 0 0 192 127
one_sentence 'not finite'
lie 42 16 39 16 39 16 39
one_sentence '10000 x 10000 x 10000'
head -c 400 lie.nii >short.nii && mv short.nii lie.nii
one_sentence '10000 x 10000 x 10000'
touch model.pth there.nii
expect 2 'no output is given' preview vol.nii
expect 2 'from 1 to 400' preview vol.nii -o sheet.png --tiles 0
expect 0 '' preview vol.nii -o sheet.png
check "a sheet" test -s sheet.png
expect 9 'exists already' preview vol.nii -o sheet.png
expect 0 '' preview vol.nii.gz --labels vol.nii --planes -o planes.png
expect 4 'does not lie in the place' preview vol.nii --labels "$small/flat-v1.nii" -o no.png
{
    printf 'NRRD0004\ntype: uchar\ndimension: 3\nspace: RAS\nsizes: 64 48 3\nencoding: raw\n'
    printf 'space directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\n'
    printf 'Segment0_LabelValue:=1\nSegment0_Name:=disc\nSegment0_Color:=1 0 0\n\n'
    head -c $((64 * 48 * 2)) /dev/zero
    head -c $((64 * 24)) /dev/zero | tr '\000' '\001'
    head -c $((64 * 24)) /dev/zero
} >disc.seg.nrrd
expect 0 '' preview vol.nii --labels disc.seg.nrrd --planes -o disc.png
sed 's/:=disc/:=ring/' disc.seg.nrrd >ring.seg.nrrd
expect 0 '' preview vol.nii --labels ring.seg.nrrd --planes -o ring.png
check "the names of segments are on the picture" bash -c '! cmp -s disc.png ring.png'
box=(--box 20,10,40,30@1)
expect 0 '' info vol.nii.gz
check "orientation RAS" grep -q 'RAS' out
expect 2 'nothing says which one' segment vol.nii -m model.pth --box 20,10,40,30 -o a.nii
expect 2 'slice 7 is not among 0 to 2' segment vol.nii -m model.pth --box 20,10,40,30@7 -o a.nii
expect 2 'number of a slice' segment vol.nii -m model.pth --box 20,10,40,30@x -o a.nii
expect 2 'outside the image, which is 64 x 48' segment vol.nii -m model.pth --box 20,10,40,60@1 -o a.nii
expect 2 'is 64 x 3 pixels' segment vol.nii -m model.pth --axis cor --box 20,1,40,30@1 -o a.nii
expect 2 'these are not slices' segment vol.nii -m model.pth "${box[@]}" --slice 1-2 -o a.nii
expect 2 'slices 0 to 2' segment vol.nii -m model.pth "${box[@]}" --slice 1:3 -o a.nii
expect 2 'first is behind' segment vol.nii -m model.pth "${box[@]}" --slice 2:1 -o a.nii
expect 2 'expected ax, cor or sag' segment vol.nii -m model.pth "${box[@]}" --axis z -o a.nii
expect 2 'expected none, box or memory' segment vol.nii -m model.pth "${box[@]}" --propagate all -o a.nii
expect 2 'no volume 1' segment vol.nii -m model.pth "${box[@]}" --volume 1 -o a.nii
expect 2 'is for single images' segment vol.nii -m model.pth "${box[@]}" --multimask -o a.nii
expect 2 "'.png' is not" segment vol.nii -m model.pth "${box[@]}" -o a.png
expect 9 'exists already' segment vol.nii -m model.pth "${box[@]}" -o there.nii
expect 2 'for volumes, and this is a single image' segment ct.pgm -m model.pth "${box[@]}" -o a.png
expect 2 'NIfTI is for labels of volumes' segment ct.pgm -m model.pth --box 20,10,40,30 -o a.nii.gz
expect 4 'cut off' segment cut.nii.gz -m model.pth "${box[@]}" -o a.nii

npz=$root/tests/fuzz/corpus/npz
expect 4 'wants to run posix.system, and vkseg runs nothing' segment "$npz/npz-boxes-hostile" -m model.pth -o a.nii
expect 2 'nothing says what to segment' segment "$npz/npz-placed" -m model.pth -o a.nii
expect 2 'nothing says what to segment' segment vol.nii -m model.pth -o a.nii
expect 2 'lie on axial slices' segment "$npz/npz-boxes-objects" -m model.pth --axis sag -o a.nii
echo '{"objects": [{"slice": 1, "slices": [2, 2], "box": [20, 10, 40, 30]}]}' >extent.json
expect 2 "slice 1 is not among the object's, 2 to 2" segment vol.nii -m model.pth --prompts extent.json -o a.nii
echo '{"objects": [{"slice": 1, "slices": [2], "box": [20, 10, 40, 30]}]}' >extent.json
expect 2 'the first and the last slice' segment vol.nii -m model.pth --prompts extent.json -o a.nii

images=$root/tests/fuzz/corpus/image
expect 0 '' preview "$images/grey16.png" -o sixteen.png
tiff=
if "$vkseg" preview "$images/grey16.tif" -o tried.png 2>&1 | grep -q 'made without libtiff'; then
    skip 'this build reads no TIFF'
else
    tiff=yes
    expect 0 '' preview "$images/grey16.tif" -o tiff.png
    check "TIFF and PNG of 16 bits look the same" cmp sixteen.png tiff.png
    expect 0 '' preview "$images/grey16.tif" --window 20000,30000 --labels "$images/grey.png" -o windowed.png
    check "the window and the labels show" bash -c '! cmp -s tiff.png windowed.png'
    expect 4 'holds 2 pages' preview "$images/pages.tif" -o no.png
fi
expect 2 'is for volumes' preview "$images/grey16.png" --planes -o no.png
expect 4 'does not have the size' preview ct.pgm --labels "$images/grey.png" -o no.png

toy=$root/assets/golden/meshnet_toy/relu
mkdir -p empty series
cp "$root"/tests/fuzz/corpus/dicom/*.dcm series/
expect 5 'neither a model.json nor' predict vol.nii -m empty -o a.nii
expect 4 'neither a volume nor a model' info empty
expect 0 '' info "$toy"
check "a model folder is its model" grep -q 'layers-model' out
expect 2 'JPEG would change' predict vol.nii -m "$toy" --overlay a.jpg
dicom=
if "$vkseg" info series 2>&1 | grep -q 'choose one'; then
    dicom=yes
    expect 2 'holds 8 series; choose one' predict series -m "$toy" -o a.nii
    expect 2 '' predict series -m "$toy" --series 9 -o a.nii
else
    skip 'this build reads no DICOM'
fi

model=${VKSEG_TEST_MODEL:-}
table=$root/assets/models/demo.tsv
if [ -z "$model" ] && [ -n "$vksegdev" ] && [ -x "$vksegdev" ] && [ -f "$table" ]; then
    model=$work/synthetic.safetensors
    "$vksegdev" synth "$table" -o "$model" >out 2>err || { cat err; model=; }
fi
"$vkseg" devices >out 2>err
usable=$?
if [ "$usable" -eq 0 ]; then
    run=(-m "$toy" --no-conform -d cpu)
    expect 0 "GMAC; about" predict vol.nii.gz "${run[@]}" -o labels.nii.gz --overlay labels.png \
        --report labels.json --json
    check "labels are drawn" test -s labels.png
    check "one document, and the same in the report" bash -c \
        'grep -q "\"command\": \"predict\"" out && grep -q "\"volume_ml\"" out && grep -q "\"volume_ml\"" labels.json'
    check "the report holds no folder" bash -c "! grep -qF '$work' labels.json"
    expect 9 'exists already' predict vol.nii.gz "${run[@]}" --overlay labels.png
    expect 0 '' preview vol.nii.gz --labels labels.nii.gz --planes -o again.png
    expect 7 'needs at least' predict vol.nii.gz "${run[@]}" --max-memory 64M -o a.nii
    if [ -n "$dicom" ]; then
        expect 0 '' predict series "${run[@]}" --series 2 -o series.nii.gz --overlay series.png --json
        check "the series that was chosen" grep -q '"format": "dicom' out
    fi
else
    skip 'no labels: no Vulkan device'
fi
if [ -z "$model" ] || [ "$usable" -ne 0 ]; then
    skip 'real runs: no checkpoint (VKSEG_TEST_MODEL, or vksegdev and assets/models/demo.tsv) or no Vulkan device'
else
    run=(-m "$model" --family sam -q)
    expect 0 '' segment vol.nii.gz "${run[@]}" "${box[@]}" -o one.nii --report one.json --overlay one.png
    check "three planes" test -s one.png
    expect 0 '' segment ct.pgm "${run[@]}" --box 20,10,40,30 -o one.npy
    tail -c +$((353 + 64 * 48)) one.nii | head -c $((64 * 48)) >slice.raw
    tail -c $((64 * 48)) one.npy >image.raw
    check "a slice gets the mask the image gets" cmp slice.raw image.raw
    head -c $((64 * 48)) /dev/zero >empty.raw
    head -c $((352 + 64 * 48)) one.nii | tail -c $((64 * 48)) >first.raw
    check "other slices stay empty" cmp first.raw empty.raw
    check "the report has the slice and the window" grep -q '"rule": "none: 8 bits"' one.json
    check "the report holds no folder" bash -c "! grep -qF '$work' one.json"
    expect 0 '' segment vol.nii.gz "${run[@]}" --box 20,10,40,30 --slice 0:2 --propagate box -o all.nii.gz --json
    check "all three slices" test "$(grep -c '"predicted_iou"' out)" -eq 3
    expect 0 '' segment vol.nii "${run[@]}" "${box[@]}" --object --box 5,5,30,30@0 --point 10,10@2 --slice 0:2 \
        --propagate box -o two.nii.gz --json
    check "the second object finds its slices encoded" grep -q '"slices_encoded": 3' out
    expect 0 '' segment vol.nii "${run[@]}" --axis sag --box 5,0.5,30,1.5@30 -o sag.nii.gz
    echo '{"objects": [{"slice": 1, "box": [20, 10, 40, 30]}]}' >p.json
    expect 0 '' segment vol.nii "${run[@]}" --prompts p.json -o file.nii
    check "prompts from a file are the same" cmp one.nii file.nii
    expect 0 '"fraction"' segment vol.nii -m "$model" --family sam "${box[@]}" --propagate box -o j.nii --progress json
    echo '{"objects": [{"slice": 1, "slices": [1, 2], "box": [20, 10, 40, 30]}]}' >extent.json
    expect 0 '' segment vol.nii "${run[@]}" --prompts extent.json --propagate box -o extent.nii --json
    check "an object stays on its slices" test "$(grep -c '"predicted_iou"' out)" -eq 2
    expect 0 'note: 2 boxes in npz-boxes-objects are the prompts, followed' segment "$npz/npz-boxes-objects" \
        -m "$model" --family sam -o boxes.nii.gz --json
    check "slices 1 to 4, and slice 2" test "$(grep -c '"predicted_iou"' out)" -eq 5
    check "the report says whose prompts" grep -q "\"prompts_from\": \"the volume's file\"" out
    expect 0 '' segment "$npz/npz-boxes-objects" "${run[@]}" --propagate none -o middle.nii --json
    check "the slices the boxes were drawn on" test "$(grep -c '"predicted_iou"' out)" -eq 2
    expect 0 '' segment "$npz/npz-colour" "${run[@]}" -o colour.nii --json
    check "the box of an image" test "$(grep -c '"predicted_iou"' out)" -eq 1
    expect 0 '' segment "$npz/npz-boxes-objects" "${run[@]}" --box 0,0,3,3@1 -o own.nii --json
    check "prompts of one's own go before" grep -q '"prompts_from": "the user"' out
    expect 0 '' segment "$images/grey16.png" "${run[@]}" --box 0,0,5,4 --window 20000,30000 -o deep.npy --logits d.npy
    if [ -n "$tiff" ]; then
        expect 0 '' segment "$images/grey16.tif" "${run[@]}" --box 0,0,5,4 --window 20000,30000 -o t.npy --logits l.npy
        check "TIFF and PNG of 16 bits give the same logits" cmp d.npy l.npy
    fi
    expect 0 '' segment "$images/grey16.png" "${run[@]}" --box 0,0,5,4 -o e.npy --logits e-logits.npy
    check "the window of 16 bits counts" bash -c '! cmp -s d.npy e-logits.npy'
    # A signal after the third mask: what is finished is written, the report says that it is not all, the code says why.
    {
        make_header 90
        for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
            cat middle.raw middle.raw middle.raw
        done
    } >tall.nii
    for signal in INT:130 TERM:143; do
        rm -f tall-out.nii tall.json
        interrupted "${signal%:*}" segment tall.nii -m "$model" --family sam --box 20,10,40,30@0 --slice 0:89 \
            --propagate box -o tall-out.nii --report tall.json
        check "exit code ${signal#*:}" test "$got" -eq "${signal#*:}"
        check "a whole file" test "$(wc -c <tall-out.nii)" -eq $((352 + 90 * 64 * 48))
        check "with some of it" bash -c '[ "$(tail -c +353 tall-out.nii | tr -d "\000" | wc -c)" -gt 0 ]'
        check "the report says it is not complete" grep -q '"complete": false' tall.json
        check "the sentence counts the masks" grep -Eq 'the [0-9]+ masks that were finished are written' err
        check "progress has an end in sight" grep -q '"eta_s":' err
    done
    # Kept embeddings: another prompt on the same volume encodes nothing, and the labels are those of a run without.
    keep=(--embeddings shelf --slice 0:2 --propagate box)
    expect 0 '' segment vol.nii "${run[@]}" "${box[@]}" "${keep[@]}" -o kept0.nii --json
    check "three slices are encoded" grep -q '"slices_encoded": 3' out
    check "three files, and no half one" test "$(ls shelf | wc -l)" -eq 3
    check "the folder is private" test "$(stat -c %a shelf)" = 700
    second=(--box 5,5,30,30@0 --object --point 40,20@2)
    expect 0 '' segment vol.nii "${run[@]}" "${second[@]}" "${keep[@]}" -o kept1.nii --json
    check "another prompt encodes nothing" grep -q '"slices_encoded": 0' out
    check "and says where from" grep -q '"slices_from_folder": 3' out
    expect 0 '' segment vol.nii "${run[@]}" "${second[@]}" --slice 0:2 --propagate box -o fresh.nii
    check "the same labels with and without kept embeddings" cmp kept1.nii fresh.nii
    expect 0 '' segment vol.nii "${run[@]}" --axis sag --box 5,0.5,30,1.5@30 --embeddings shelf -o sag2.nii --json
    check "slices of another axis are others" grep -q '"slices_encoded": 1' out
    expect 0 '' segment vol.nii "${run[@]}" "${box[@]}" --embeddings shelf --precision f16 -o half.nii --json
    check "another precision is another embedding" grep -q '"slices_encoded": 1' out
    for file in shelf/*; do echo damaged >"$file"; done
    expect 0 'is damaged or of something else, and is made again' segment vol.nii -m "$model" --family sam "${box[@]}" \
        "${keep[@]}" -o kept2.nii --json
    check "damaged files are made again" grep -q '"slices_encoded": 3' out
    check "and the labels are the same" cmp kept0.nii kept2.nii
    expect 9 'this is no folder' segment vol.nii "${run[@]}" "${box[@]}" --embeddings vol.nii -o no.nii
    expect 9 'cannot be made' segment vol.nii "${run[@]}" "${box[@]}" --embeddings not/here -o no.nii
    # A decoder that reads three maps of the encoder: kept and taken back as others are.
    if make_hiera; then
        keep=(--embeddings hiera --slice 0:2 --propagate box)
        both=("${box[@]}" --object --box 5,5,30,30@1)
        expect 0 '' segment vol.nii "${hiera[@]}" "${box[@]}" --slice 0:2 --propagate box -o hiera.nii --json
        expect 0 '' segment vol.nii "${hiera[@]}" "${both[@]}" "${keep[@]}" -o hiera0.nii --json
        check "two objects, three slices encoded" grep -q '"slices_encoded": 3' out
        expect 0 '' segment vol.nii "${hiera[@]}" "${both[@]}" "${keep[@]}" -o hiera1.nii --json
        check "and none the second time" grep -q '"slices_from_folder": 3' out
        check "the same labels" cmp hiera0.nii hiera1.nii
        expect 0 '' segment vol.nii "${hiera[@]}" "${box[@]}" "${keep[@]}" -o hiera2.nii --json
        check "the same labels with and without kept embeddings" cmp hiera.nii hiera2.nii
        expect 0 '' encode ct.pgm "${hiera[@]}" -o hiera-e.safetensors
        check "encode says its maps" grep -q '^high_0 16 x 32 x 32$' out
        expect 0 '' info hiera-e.safetensors
        check "info says them, too" grep -Eq '^ +high_1 +32 x 16 x 16$' out
        expect 0 '' segment ct.pgm "${hiera[@]}" --box 20,10,40,30 -o i.npy --logits i-l.npy --iou i.json
        expect 0 '' segment hiera-e.safetensors "${hiera[@]}" --box 20,10,40,30 -o ie.npy --logits ie-l.npy \
            --iou ie.json
        check "the embedding gives the same mask" cmp i.npy ie.npy
        check "the embedding gives the same logits" cmp i-l.npy ie-l.npy
        check "the embedding gives the same IoU" cmp i.json ie.json
        expect 0 '' encode ct.pgm "${hiera[@]}" -o hiera-e.npy
        check "a bare array holds the first map" test "$(wc -c <hiera-e.npy)" -eq $((128 + 4 * 128 * 8 * 8))
        for size in 40 9000 90000; do
            head -c "$size" hiera-e.safetensors >short.safetensors
            expect 4 'cut off within its header|size its header says' segment short.safetensors "${hiera[@]}" \
                --box 20,10,40,30 -o no.png
        done
        # The header names the last map otherwise: the file is whole, but not what the decoder reads.
        sed 's/"high_1"/"high_x"/' hiera-e.safetensors >other.safetensors
        expect 4 'map "high_x" is .* the model.s "high_1" is' segment other.safetensors "${hiera[@]}" \
            --box 20,10,40,30 -o no.png
        expect 5 'was made by a medsam2 model; this is a sam model' segment hiera-e.safetensors "${run[@]}" \
            --box 20,10,40,30 -o no.png
        expect 5 'was made by a medsam2 model; this is a sam2 model' segment hiera-e.safetensors \
            "${hiera[@]/medsam2/sam2}" --box 20,10,40,30 -o no.png
        expect 2 'takes no kept --embeddings' segment vol.nii "${hiera[@]}" "${box[@]}" --propagate memory \
            --embeddings shelf -o no.nii
    fi
    expect 0 '' segment ct.pgm "${run[@]}" --box 20,10,40,30 --embeddings shelf -o flat1.npy --json
    check "the image is the volume's slice" grep -q '"encoded": false' out
    check "and gets the same mask" cmp one.npy flat1.npy
    for delay in 0.1 0.3 0.6; do
        rm -f stop*
        command_line="segment of a volume, stopped after $delay s"
        timeout --preserve-status -s INT "$delay" "$vkseg" segment vol.nii "${run[@]}" --slice 0:2 "${box[@]}" \
            --propagate box -o stop.nii >out 2>err
        got=$?
        check "ends with 0 or 130" test "$got" -eq 0 -o "$got" -eq 130
        check "no half file" bash -c '! ls stop.nii.* 2>/dev/null | grep -q .'
        check "a whole file or none" bash -c '[ ! -e stop.nii ] || [ "$(wc -c <stop.nii)" -eq 9568 ]'
    done
fi

verdict cli_volumes
