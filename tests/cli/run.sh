#!/usr/bin/env bash
# The command line as users meet it: exit codes and sentences of some ninety beginner's mistakes, then real runs.
#   tests/cli/run.sh VKSEG [VKSEGDEV]
# Real runs use $VKSEG_TEST_MODEL (a SAM that takes points and boxes), or a small generated one; they are skipped,
# visibly, without a Vulkan device.
set -u

. "$(dirname "$0")/support.sh"

# ---- files to be wrong about ----
{ printf 'P5 64 48 255\n'; head -c 3072 /dev/zero | tr '\0' '\200'; } >ct.pgm
{ printf 'P5 64 48 65535\n'; head -c 6144 /dev/zero; } >deep.pgm
printf 'this is text\n' >text.png
printf 'PK\003\004 not really' >model.pth
cp model.pth model.safetensors
: >empty.png
mkdir folder
touch there.png
box=(--box '5,5,40,40')

# ---- no command, a wrong command ----
expect 2 'nothing to do'
expect 2 "'segmnet' is not a command" segmnet
check "suggests segment" grep -q 'vkseg segment' err
expect 2 'not a command' ct.pgm -m model.pth
check "says the command comes first" grep -q 'command comes first' err
expect 2 'not a command' --box 1,2,3,4
for word in batch; do
    expect 2 "does not have the command '$word'" "$word" ct.pgm
done

# ---- help and version ----
expect 0 '' help
check "help says research use only" grep -qi 'research use only' out
check "help does not list what is absent" bash -c '! grep -Eqw "batch" out'
expect 0 '' --help
expect 0 '' -h
for topic in segment predict encode info devices bench doctor prompts models exit-codes options help; do
    expect 0 '' help "$topic"
    check "help $topic fits 80 columns" bash -c '! grep -Eq ".{81}" out'
    check "help $topic is not empty" test -s out
done
for command in segment predict encode info devices bench; do
    expect 0 '' "$command" --help
    expect 0 '' "$command" -h
    check "$command -h begins with an example" grep -q "^  vkseg $command" out
done
expect 2 "no help on 'promts'" help promts
check "suggests prompts" grep -q 'help prompts' err
expect 0 '' --version
check "version is on stdout" grep -Eq '^vkseg [0-9]+\.[0-9]+\.[0-9]+' out
expect 0 '' --version --json
check "version is JSON" grep -q '"version": "[0-9.]*"' out
expect 2 'takes nothing but --json' --version --jsn

# ---- options ----
expect 2 "'--bxo' is not an option" segment ct.pgm -m model.pth --bxo 1,2,3,4 -o a.png
check "suggests --box" grep -q -- '--box' err
expect 2 'not an option' segment ct.pgm -m model.pth -box 1,2,3,4 -o a.png
check "two dashes" grep -q 'two dashes: --box' err
expect 2 'typographic dash' segment ct.pgm -m model.pth $'\xe2\x80\x93box' 1,2,3,4
expect 2 '-m needs a value' segment ct.pgm "${box[@]}" -o a.png -m
expect 2 'needs a value .*--box' segment ct.pgm -m --box 1,2,3,4 -o a.png
expect 2 'given twice' segment ct.pgm -m model.pth -m model.pth "${box[@]}" -o a.png
expect 2 'takes no value' segment ct.pgm -m model.pth "${box[@]}" -o a.png --overwrite=yes
expect 2 'is empty' segment ct.pgm --model= "${box[@]}" -o a.png
expect 2 "does not know what to do with 'b.pgm'" segment ct.pgm b.pgm -m model.pth "${box[@]}" -o a.png
expect 2 'needs a file' segment -m model.pth "${box[@]}" -o a.png
expect 2 'one of auto, f32, f16' segment ct.pgm -m model.pth "${box[@]}" -o a.png --precision fp16
expect 2 'one of auto, bar' segment ct.pgm -m model.pth "${box[@]}" -o a.png --progress yes
expect 2 'not a size' segment ct.pgm -m model.pth "${box[@]}" -o a.png --max-memory lots
expect 2 'not a size' segment ct.pgm -m model.pth "${box[@]}" -o a.png --max-memory -2G
expect 2 'KEY=VALUE' segment ct.pgm -m model.pth "${box[@]}" -o a.png --model-option window

# ---- prompts ----
expect 2 'nothing says what to segment' segment ct.pgm -m model.pth -o a.png
check "with an example" grep -q 'vkseg segment' err
expect 2 'four numbers.*found 3' segment ct.pgm -m model.pth --box 1,2,3 -o a.png
expect 2 'four numbers.*found 5' segment ct.pgm -m model.pth --box 1,2,3,4,5 -o a.png
expect 2 'found 8.*decimal commas' segment ct.pgm -m model.pth --box 1,5,2,5,30,5,40,5 -o a.png
expect 2 "'a' is not a number" segment ct.pgm -m model.pth --box 1,a,30,40 -o a.png
expect 2 'number is missing' segment ct.pgm -m model.pth --box 1,2,3, -o a.png
expect 2 'number is missing' segment ct.pgm -m model.pth --box ,2,3,4 -o a.png
expect 2 'not a finite number' segment ct.pgm -m model.pth --box nan,2,30,40 -o a.png
expect 2 'not a finite number' segment ct.pgm -m model.pth --point inf,2 -o a.png
expect 2 'not a number' segment ct.pgm -m model.pth --point 0x10,2 -o a.png
expect 2 'too large' segment ct.pgm -m model.pth --point 1e300,2 -o a.png
expect 2 'not a number' segment ct.pgm -m model.pth --point '12 30' -o a.png
expect 2 'not a number' segment ct.pgm -m model.pth --point '12;30' -o a.png
expect 2 'found one' segment ct.pgm -m model.pth --point 12 30 -o a.png
expect 2 'only \+ or -' segment ct.pgm -m model.pth --point 12,30,5 -o a.png
expect 2 'found 4.*decimal commas' segment ct.pgm -m model.pth --point 12,5,30,7 -o a.png
expect 2 'for volumes' segment ct.pgm -m model.pth --point 12,5@3 -o a.png
expect 2 'for volumes' segment ct.pgm -m model.pth --box 1,2,30,40@3 -o a.png
expect 2 'second corner' segment ct.pgm -m model.pth --box 40,40,5,5 -o a.png
expect 2 'second corner' segment ct.pgm -m model.pth --box 30,30,10,40 -o a.png
expect 2 'second corner' segment ct.pgm -m model.pth --box 5,5,5,40 -o a.png
expect 2 'outside the image, which is 64 x 48' segment ct.pgm -m model.pth --point 100,5 -o a.png
expect 2 'outside the image' segment ct.pgm -m model.pth --point -5,3 -o a.png
expect 2 'outside the image' segment ct.pgm -m model.pth --box 5,5,40,400 -o a.png
expect 2 'already has a box' segment ct.pgm -m model.pth "${box[@]}" "${box[@]}" -o a.png
expect 2 'object 1 has no prompt' segment ct.pgm -m model.pth --object --object "${box[@]}" -o a.png
expect 2 'object 2 has no prompt' segment ct.pgm -m model.pth "${box[@]}" --object -o a.png
expect 2 'no mask image' segment ct.pgm -m model.pth --mask-prompt ct.pgm -o a.png
expect 3 'none.npy' segment ct.pgm -m model.pth --mask-prompt none.npy -o a.png

# ---- prompts from a file ----
prompts() { printf '%s' "$1" >p.json; }
expect 3 'cannot be opened' segment ct.pgm -m model.pth --prompts none.json -o a.png
prompts '{"objects": [{"box": [1,2,3,4]}'
expect 4 'p.json, line 1' segment ct.pgm -m model.pth --prompts p.json -o a.png
prompts '[1]'
expect 2 'no list "objects"' segment ct.pgm -m model.pth --prompts p.json -o a.png
prompts '{"objects": [{"boxx": [1,2,3,4]}]}'
expect 2 'did you mean box' segment ct.pgm -m model.pth --prompts p.json -o a.png
prompts '{"objects": [{"box": [1,2,3]}]}'
expect 2 'list of four numbers' segment ct.pgm -m model.pth --prompts p.json -o a.png
prompts '{"objects": [{"points": [[1,2],[3,4,7]]}]}'
expect 2 'point 2: a point is' segment ct.pgm -m model.pth --prompts p.json -o a.png
prompts '{"objects": [{"box": [5,5,40,40]}, {}]}'
expect 2 'object 2 has no prompt' segment ct.pgm -m model.pth --prompts p.json -o a.png
prompts '{"objects": [{"box": [5,5,40,40]}, {"box": [5,5,40,90]}]}'
expect 2 'object 2, box lies outside' segment ct.pgm -m model.pth --prompts p.json -o a.png
expect 2 'cannot be mixed' segment ct.pgm -m model.pth --prompts p.json --point 1,2 -o a.png
prompts '{"objects": [{"box": [1,2,3,4], "box": [1,2,3,4]}]}'
expect 4 'duplicate' segment ct.pgm -m model.pth --prompts p.json -o a.png

# ---- models and inputs ----
expect 2 'no model is given' segment ct.pgm "${box[@]}" -o a.png
expect 5 "model 'nowhere.pth'" segment ct.pgm -m nowhere.pth "${box[@]}" -o a.png
expect 5 'is a folder' segment ct.pgm -m folder "${box[@]}" -o a.png
expect 5 'no synthetic model is called "sam_vit_q"; there are sam_vit_b' segment ct.pgm -m synthetic:sam_vit_q \
    "${box[@]}" -o a.png
expect 5 'seed must be a whole number' segment ct.pgm -m synthetic:sam_mini:x "${box[@]}" -o a.png
expect 5 '' segment ct.pgm -m text.png "${box[@]}" -o a.png
expect 3 "'nowhere.png' cannot be opened" segment nowhere.png -m model.pth "${box[@]}" -o a.png
expect 4 'is a folder' segment folder -m model.pth "${box[@]}" -o a.png
expect 4 'is empty' segment empty.png -m model.pth "${box[@]}" -o a.png
expect 4 '' segment text.png -m model.pth "${box[@]}" -o a.png
expect 4 'is a checkpoint, not an image' segment model.pth -m ct.pgm "${box[@]}" -o a.png
expect 4 'not an embedding' segment model.safetensors -m model.pth "${box[@]}" -o a.png
expect 2 'has 8 bits' segment ct.pgm -m model.pth "${box[@]}" -o a.png --window lung
expect 2 'no known window' segment deep.pgm -m model.pth "${box[@]}" -o a.png --window belly
expect 2 'more than 0' segment deep.pgm -m model.pth "${box[@]}" -o a.png --window 0,40

# ---- predict: what is refused before anything runs ----
toy=$root/assets/golden/meshnet_toy/relu/model.json
expect 2 'no output is given' predict nowhere.nii -m "$toy"
expect 3 '' predict nowhere.nii -m "$toy" -o a.nii.gz
expect 2 'add --crop' predict nowhere.nii -m "$toy" -o a.nii.gz --crop-padding 3
expect 2 'whole number' predict nowhere.nii -m "$toy" -o a.nii.gz --crop --crop-padding 1.5
expect 2 '' predict nowhere.nii -m "$toy" -o a.png
expect 0 '' info "$toy"
check "info tells an automatic model" grep -q 'vkseg predict' out

# ---- outputs ----
expect 2 'no output is given' segment ct.pgm -m model.pth "${box[@]}"
expect 9 'exists already' segment ct.pgm -m model.pth "${box[@]}" -o there.png
expect 9 'is a folder' segment ct.pgm -m model.pth "${box[@]}" -o folder --overwrite
expect 9 "folder 'none/'" segment ct.pgm -m model.pth "${box[@]}" -o none/a.png
expect 9 'there.png' segment ct.pgm -m model.pth "${box[@]}" -o there.png/a.png
expect 2 'JPEG would change' segment ct.pgm -m model.pth "${box[@]}" -o a.jpg
expect 2 'NIfTI' segment ct.pgm -m model.pth "${box[@]}" -o a.nii.gz
expect 2 'there is none' segment ct.pgm -m model.pth "${box[@]}" -o a
expect 2 "'.tiff'" segment ct.pgm -m model.pth "${box[@]}" -o a.tiff
expect 2 '--logits a.png' segment ct.pgm -m model.pth "${box[@]}" --logits a.png
expect 2 'same file' segment ct.pgm -m model.pth "${box[@]}" -o a.png --overlay a.png
cp ct.pgm ct.png
expect 2 'replace the input' segment ct.png -m model.pth "${box[@]}" -o ./ct.png --overwrite
expect 2 'holds no pixels' segment model.safetensors -m model.pth "${box[@]}" -o a.png --overlay b.png
touch many_1.png
expect 9 'many_1.png exists' segment ct.pgm -m model.pth "${box[@]}" -o many.png --multimask
expect 2 'no output is given' encode ct.pgm -m model.pth
expect 2 "'.png'" encode ct.pgm -m model.pth -o a.png
if [ "$(id -u)" -ne 0 ]; then
    mkdir sealed && chmod 555 sealed
    expect 9 'cannot be written' segment ct.pgm -m model.pth "${box[@]}" -o sealed/a.png
else
    skip 'a folder without write permission (root may write anywhere)'
fi
check "nothing was written" bash -c '! ls a.png a.npy b.png 2>/dev/null | grep -q .'

# ---- info and devices ----
expect 3 'cannot be opened' info nowhere.png
expect 4 'is a folder' info folder
expect 4 'is empty' info empty.png
expect 4 '' info text.png
expect 5 '' info model.safetensors
expect 2 'needs a file' info
expect 0 '' info ct.pgm
check "info prints the size" grep -q '64 x 48' out
expect 0 '' info ct.pgm --json
check "info prints JSON" grep -q '"width": 64' out
expect 2 'does not know what to do' devices all
"$vkseg" devices >out 2>err
code=$?
command_line=devices
check "devices ends with 0 or 6" test "$code" = 0 -o "$code" = 6
"$vkseg" devices --json >out 2>err
check "devices --json prints a list" grep -q '"devices": \[' out
if [ -w /dev/full ]; then
    command_line='--version --json >/dev/full'
    check "a full disk is said" bash -c "! '$vkseg' --version --json >/dev/full"
fi

# ---- bench: what is wrong before a device is needed ----
expect 2 'no model is given' bench
expect 2 'whole number from 1 to 10000' bench -m synthetic:sam_mini -r 0
expect 2 'whole number from 1 to 1000' bench -m synthetic:sam_mini --prompts 1e3
expect 2 "does not know what to do with 'ct.pgm'" bench ct.pgm -m synthetic:sam_mini
expect 2 'no golden says' bench -m synthetic:sam_mini:5
expect 2 'no golden says' bench -m synthetic:medsam2:5
expect 2 'no golden says' bench -m synthetic:sam_mini --family medsam
expect 2 'exclude each other' bench -m synthetic:sam_mini --golden a --write-golden b
expect 3 'nowhere.json' bench -m synthetic:sam_mini --golden nowhere.json
expect 4 'no golden of this version' bench -m synthetic:sam_mini --golden text.png
expect 2 'needs a file' bench --compare
expect 3 'nowhere.json' bench --compare nowhere.json text.png
expect 4 'no result of' bench --compare text.png text.png

expect 2 'one of off, table, auto' segment ct.pgm -m synthetic:sam_mini "${box[@]}" -o a.png --tune on
expect 2 'does not know what to do' doctor me

# ---- real runs ----
model=${VKSEG_TEST_MODEL:-synthetic:sam_mini}
if [ "$code" -ne 0 ]; then
    skip 'real runs: no usable Vulkan device'
else
    run=(-m "$model" --family sam -q)
    expect 0 '' info "$model"
    check "info names the family" grep -q 'sam' out
    expect 0 '' info synthetic:sam_mini --json
    check "info describes a synthetic model" grep -q '"format": "synthetic"' out
    expect 6 '' segment ct.pgm "${run[@]}" "${box[@]}" -o a.png -d 99
    expect 6 '' segment ct.pgm "${run[@]}" "${box[@]}" -o a.png -d 'name:no such device'
    expect 0 '' segment ct.pgm "${run[@]}" "${box[@]}" -o a.png --overlay b.png --logits l.npy --iou i.json \
        --report r.json
    check "prints the predicted IoU" grep -q '^object 1: predicted IoU' out
    for file in a.png b.png l.npy i.json r.json; do
        check "$file was written" test -s "$file"
    done
    check "the report says research use only" grep -q '"research_use_only": true' r.json
    check "the report holds the hash of the model" grep -Eq '"sha256": "[0-9a-f]{64}"' r.json
    check "the report holds no folder" bash -c "! grep -qF '$work' r.json"
    expect 9 'exists already' segment ct.pgm "${run[@]}" "${box[@]}" -o a.png
    expect 0 '' segment ct.pgm "${run[@]}" "${box[@]}" -o a.png --overwrite
    expect 0 '' segment ct.pgm "${run[@]}" --point 20,20 --point 60,40,- --object "${box[@]}" -o two.npy --json
    check "two objects in JSON" grep -q '"object": 2' out
    expect 0 '' segment ct.pgm "${run[@]}" --point 20,20 -o three.png --multimask
    check "three masks, three files" test -s three_0.png -a -s three_1.png -a -s three_2.png
    expect 0 '' segment ct.pgm "${run[@]}" --point 20,20 --mask-prompt l.npy -o again.json
    expect 0 '' encode ct.pgm "${run[@]}" -o e.safetensors
    expect 0 '' info e.safetensors
    check "info knows an embedding" grep -q 'embedding made by' out
    expect 0 '' segment e.safetensors "${run[@]}" "${box[@]}" -o a2.npy
    expect 0 '' segment ct.pgm "${run[@]}" "${box[@]}" -o a3.npy
    check "the embedding gives the same mask" cmp a2.npy a3.npy
    expect 0 '"fraction"' segment ct.pgm -m "$model" --family sam "${box[@]}" -o j.png --progress json
    # No time is shown but for a right output.
    expect 0 '' bench -m synthetic:sam_mini -r 2 -q
    check "bench prints stages" grep -Eq '^encode +[0-9.]+ +[0-9.]+' out
    check "bench prints classes of kernels" grep -Eq '^matmul +encode' out
    expect 0 '' bench -m synthetic:sam_mini:107 -r 3 --prompts 2 -q --json
    cp out bench.json
    for key in '"schema": "vkseg.bench"' '"schema_version": 1' '"passed": true' '"p95"' '"of_bound"' \
        '"resident_peak"'; do
        check "bench --json has $key" grep -qF "$key" bench.json
    done
    expect 0 '' bench --compare bench.json bench.json
    check "compare: the same is the same" grep -Eq '^total .* 1.000  same' out
    expect 0 '' bench --compare bench.json bench.json --json
    check "compare --json" grep -q '"schema": "vkseg.bench.compare"' out
    sed 's/"schema_version": 1/"schema_version": 2/' bench.json >later.json
    expect 4 'schema version 2' bench --compare bench.json later.json
    expect 0 '' bench -m synthetic:sam_mini:5 -q --write-golden five.golden
    check "writing a golden prints nothing" test ! -s out
    expect 9 'five.golden' bench -m synthetic:sam_mini:5 -q --write-golden five.golden
    expect 0 '' bench -m synthetic:sam_mini:5 -q -r 1 --golden five.golden
    expect 11 'output is wrong, so no time is shown' bench -m synthetic:sam_mini -q -r 1 --golden five.golden
    sed -E 's/"iou":-?[0-9.e+-]+/"iou":123.5/' five.golden >wrong.golden
    expect 11 'output is wrong' bench -m synthetic:sam_mini:5 -q -r 1 --golden wrong.golden
    sed -E 's/("logits":\{"samples":\[)-?[0-9.e+-]+/\177.5/' five.golden >wrong.golden
    expect 11 'output is wrong' bench -m synthetic:sam_mini:5 -q -r 1 --golden wrong.golden --json
    # Automatic models: labels and logits of a volume. Three labels become two in the wrong golden.
    expect 0 '' bench -m synthetic:meshnet_mini -q -r 1 --json
    cp out volume.json
    for key in '"depth": 128' '"format": "nifti"' '"class": "convolution"' '"passed": true'; do
        check "bench --json of a volume has $key" grep -qF "$key" volume.json
    done
    expect 0 '' bench -m synthetic:meshnet_mini -q --write-golden volume.golden
    sed -E 's/("embedding":\{"samples":\[)[0-9.e+-]+/\10.5/' volume.golden >wrong.golden
    expect 11 'no time is shown: labels off by' bench -m synthetic:meshnet_mini -q -r 1 --golden wrong.golden

    if [ -n "$vksegdev" ] && [ -x "$vksegdev" ]; then
        expect_dev=("$vksegdev" synth synthetic:sam_mini -o named.safetensors)
        check "a generated model becomes a file" "${expect_dev[@]}"
        check "which is not replaced" bash -c "! ${expect_dev[*]}"
        expect 0 '' segment ct.pgm -m named.safetensors --family sam -q "${box[@]}" -o named.npy
        expect 0 '' segment ct.pgm -m synthetic:sam_mini --family sam -q "${box[@]}" -o generated.npy
        check "and is the same model" cmp named.npy generated.npy
        ops=(bench ops -m synthetic:sam_mini --stage encode --op conv -r 1)
        check "bench ops" bash -c "'$vksegdev' ${ops[*]} -o ops.json 2>err >out"
        check "bench ops: the base kernel stands beside the chosen one" bash -c \
            'grep -Eq "conv +encode +\* " out && grep -Eq "conv +encode +conv\." out'
        check "bench ops stands beside an earlier result" bash -c \
            "'$vksegdev' ${ops[*]} --previous ops.json 2>err >out && grep -Eq '[0-9]x  \[' out"
        check "bench ops keeps results" bash -c "! '$vksegdev' ${ops[*]} -o ops.json 2>err >out"
        check "an automatic model's kernels agree" "$vksegdev" check nodes "$toy" -d cpu
        check "its memory" "$vksegdev" inspect memory "$toy" --as lavapipe
        check "thin slabs on a phone" bash -c "'$vksegdev' inspect graph '$toy' --as phone | grep -q '\[8, 256, 256'"
        check "thick ones on a CPU" bash -c "'$vksegdev' inspect graph '$toy' --as lavapipe | grep -q '\[32, 256, 256'"
        check "it has no encoder" bash -c \
            "'$vksegdev' inspect graph '$toy' --stage encode 2>&1 | grep -q 'expected label'"
        check "bench ops of it" bash -c \
            "'$vksegdev' bench ops -m '$toy' -d cpu -r 1 2>err | grep -Eq 'conv_slab +label'"
    else
        skip 'vksegdev was not given'
    fi

    # Examples instead of prompts.
    expect 2 'not shown examples' segment ct.pgm "${run[@]}" --support . -o s.png
    if [ -n "$vksegdev" ]; then
        "$vksegdev" synth "$root/assets/golden/universeg_toy/weights.tsv" -o u.safetensors >out 2>err || cat err
        shown=(segment ct.pgm -m u.safetensors --model-option image_size=32 -q)
        mkdir examples
        for i in 1 2 3 4 5; do
            cp ct.pgm "examples/$i.pgm"
            cp ct.pgm "examples/${i}_label.pgm"
        done
        expect 2 'nothing says what a universeg model' "${shown[@]}" -o s.png
        expect 2 'takes no prompt of this kind' "${shown[@]}" --point 20,20 -o s.png
        expect 2 'cannot be mixed with --box' "${shown[@]}" --support examples "${box[@]}" -o s.png
        expect 3 'cannot be opened' "${shown[@]}" --support nowhere -o s.png
        expect 0 '' "${shown[@]}" --support examples -o s.png --report sr.json
        check "a mask from examples" test -s s.png
        check "no IoU is invented" bash -c "! grep -q IoU out && grep -q '\"predicted_iou\": null' sr.json"
        rm examples/3_label.pgm
        expect 4 "'3.pgm' has no mask" "${shown[@]}" --support examples -o s2.png
        rm examples/*
        expect 4 'the folder is empty' "${shown[@]}" --support examples -o s2.png
    fi

    expect 0 '' doctor -d cpu --op softmax
    check "doctor names kernels" grep -Eq 'softmax +softmax.f32 +[0-9]+ cases +right' out
    expect 0 '' doctor -d cpu --op softmax --json
    check "doctor --json" grep -q '"verdict": "right"' out
    check "doctor --json lists choices" grep -q '"kernel": "softmax.f32"' out
    expect 2 'no operator called' doctor -d cpu --op nothing
    expect 6 '' doctor -d 99
    # What is kept between runs may be damaged or lost: then it is made again.
    check "compiled pipelines are kept" bash -c 'ls cache/pipelines-* >/dev/null'
    for file in cache/*; do
        printf 'damage' | dd of="$file" bs=1 seek=40 conv=notrunc 2>/dev/null
    done
    expect 0 '' segment ct.pgm "${run[@]}" "${box[@]}" -o a4.npy
    check "a damaged cache changes nothing" cmp a3.npy a4.npy
    rm -rf cache
    : >cache
    expect 0 '' segment ct.pgm "${run[@]}" "${box[@]}" -o a5.npy
    check "nor does a cache that cannot be written" cmp a3.npy a5.npy
    rm -f cache

    # Ctrl-C: whenever it comes, there is a whole output and exit code 0, or none and 130.
    for delay in 0.05 0.2 0.5; do
        rm -f stop*
        command_line="segment, stopped after $delay s"
        timeout --preserve-status -s INT "$delay" "$vkseg" segment ct.pgm "${run[@]}" "${box[@]}" -o stop.npy >out 2>err
        got=$?
        check "ends with 0 or 130" test "$got" -eq 0 -o "$got" -eq 130
        if [ "$got" -eq 0 ]; then
            check "finished first: the output is there" test -s stop.npy
        else
            check "stopped: nothing was written" bash -c '! ls stop* .stop* 2>/dev/null | grep -q .'
        fi
    done
    expect 0 '' encode ct.pgm "${run[@]}" --layer image_encoder.blocks.1 -o layer.npy
    check "encode says the layer's shape" grep -q '^image_encoder.blocks.1: 1 x 8 x 8 x 48$' out
    expect 2 'it has image_encoder.patch_embed, image_encoder.blocks.0' encode ct.pgm "${run[@]}" --layer x -o none.npy
    expect 2 "'.safetensors'" encode ct.pgm "${run[@]}" --layer x -o none.safetensors
    expect 0 '' info synthetic:sam_med2d_mini --model-option adapters=off
    check "info says that the adapters are out" grep -q 'adapters are left out' out
    expect 2 'on or off' info synthetic:sam_med2d_mini --model-option adapters=some
    few=(--points-per-side 2 --pred-iou-thresh -1 --stability-score-thresh -1 --box-nms-thresh 1.1)
    expect 0 '' auto ct.pgm "${run[@]}" "${few[@]}" -o all.json --overlay all.png
    check "auto prints how many masks" grep -q '^12 masks$' out
    check "auto writes run lengths" grep -q '"stability_score":' all.json
    check "auto draws" test -s all.png
    expect 2 'Families that take this kind: ' auto ct.pgm -m synthetic:lite_medsam_mini -o none.json
    expect 2 'a whole number from 0 to 4' auto ct.pgm "${run[@]}" --crop-n-layers 9 -o none.json
    expect 2 'no output is given' auto ct.pgm "${run[@]}"
    expect 2 'Families that take this kind: ' segment ct.pgm -m synthetic:lite_medsam_mini --point 20,20 -o m.png
    expect 2 'exclude each other' segment ct.pgm "${run[@]}" --point 20,20 -o m.png --multimask --first-mask
    expect 0 '' segment ct.pgm "${run[@]}" --point 20,20 -o first.npy --first-mask
    expect 2 'takes no prompt of this kind' segment ct.pgm -m "$model" --family medsam --point 20,20 -o m.png
fi

verdict cli
