// types.glsl: storage types against arithmetic types. W_TYPE is what lies in memory; sums are always float.
#ifdef F16
#extension GL_EXT_shader_16bit_storage : require
#endif
#extension GL_GOOGLE_include_directive : require
