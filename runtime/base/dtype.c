/* dtype.c: sizes, names and conversions on the host. */
#include "dtype.h"

#include <string.h>

static const struct { const char *name; uint8_t size; } types[VKR_DTYPE_COUNT] = {
    [VKR_NONE] = { "none", 0 }, [VKR_F32] = { "f32", 4 }, [VKR_F16] = { "f16", 2 }, [VKR_BF16] = { "bf16", 2 },
    [VKR_F64] = { "f64", 8 }, [VKR_I8] = { "i8", 1 }, [VKR_U8] = { "u8", 1 }, [VKR_I16] = { "i16", 2 },
    [VKR_I32] = { "i32", 4 }, [VKR_U32] = { "u32", 4 }, [VKR_I64] = { "i64", 8 }, [VKR_BOOL] = { "bool", 1 },
};

size_t vkr_dtype_size(enum vkr_dtype dtype)
{
    return types[dtype].size;
}

const char *vkr_dtype_name(enum vkr_dtype dtype)
{
    return types[dtype].name;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t vkr_f32_to_f16(float value)
{
    uint32_t bits = bits_of(value), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u);                          /* NaN */
    if (magnitude >= 0x477ff000u)
        return (uint16_t)(sign | 0x7c00u);                          /* rounds to infinity */
    if (magnitude < 0x38800000u)                                    /* subnormal: let the float unit round */
        return (uint16_t)(sign | (bits_of(float_of(magnitude) + 0.5f) - 0x3f000000u));
    uint32_t odd = magnitude >> 13 & 1u;
    return (uint16_t)(sign | (magnitude - 0x38000000u + 0xfffu + odd) >> 13);
}

float vkr_f16_to_f32(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, magnitude = half & 0x7fffu;
    if (magnitude >= 0x7c00u)
        return float_of(sign | 0x7f800000u | magnitude << 13);
    if (magnitude < 0x400u)                                         /* subnormal: magnitude * 2^-24, exactly */
        return float_of(sign | bits_of((float)magnitude * 5.9604644775390625e-8f));
    return float_of(sign | (magnitude + 0x1c000u) << 13);
}

float vkr_bf16_to_f32(uint16_t bits)
{
    return float_of((uint32_t)bits << 16);
}

static float load(const unsigned char *src, enum vkr_dtype type)
{
    union { uint16_t u16; int16_t i16; int32_t i32; uint32_t u32; int64_t i64; float f32; double f64; } v;
    memcpy(&v, src, vkr_dtype_size(type));
    switch (type) {
    case VKR_F32: return v.f32;
    case VKR_F16: return vkr_f16_to_f32(v.u16);
    case VKR_BF16: return vkr_bf16_to_f32(v.u16);
    case VKR_F64: return (float)v.f64;
    case VKR_I8: return (float)(int8_t)src[0];
    case VKR_I16: return (float)v.i16;
    case VKR_I32: return (float)v.i32;
    case VKR_U32: return (float)v.u32;
    case VKR_I64: return (float)v.i64;
    default: return (float)src[0];                                  /* u8, bool */
    }
}

vks_status vkr_convert(void *dst, enum vkr_dtype dst_type, const void *src, enum vkr_dtype src_type, size_t count)
{
    VKS_REQUIRE((dst_type == VKR_F32 || dst_type == VKR_F16) && src_type != VKR_NONE, VKS_ERR_UNSUPPORTED,
                "cannot convert %s to %s", vkr_dtype_name(src_type), vkr_dtype_name(dst_type));
    size_t size = vkr_dtype_size(src_type);
    if (src_type == dst_type) {
        memcpy(dst, src, count * size);
        return VKS_OK;
    }
    const unsigned char *from = src;
    if (dst_type == VKR_F32)
        for (size_t i = 0; i < count; i++)
            ((float *)dst)[i] = load(from + i * size, src_type);
    else
        for (size_t i = 0; i < count; i++)
            ((uint16_t *)dst)[i] = vkr_f32_to_f16(load(from + i * size, src_type));
    return VKS_OK;
}
