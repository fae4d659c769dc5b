// What the kernels share. Sizes are 32 bits wide; the launching code refuses larger ones.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

typedef unsigned int u32;

#define KERNEL extern "C" __global__ void
#define DEVICE static __device__ __forceinline__

// A kernel for each type of elements: `name_f32`, `name_f16` and `name_bf16`, with the type as `T` in parameters and body.
#define KERNELS(name, parameters, ...)                                                                                 \
    namespace of_f32 {                                                                                                 \
    typedef float T;                                                                                                   \
    KERNEL name##_f32 parameters __VA_ARGS__                                                                           \
    }                                                                                                                  \
    namespace of_f16 {                                                                                                 \
    typedef __half T;                                                                                                  \
    KERNEL name##_f16 parameters __VA_ARGS__                                                                           \
    }                                                                                                                  \
    namespace of_bf16 {                                                                                                \
    typedef __nv_bfloat16 T;                                                                                           \
    KERNEL name##_bf16 parameters __VA_ARGS__                                                                          \
    }

// Elements are read as float32 and rounded when they are written: all arithmetic is that of float32.
DEVICE float load(const float *x, u32 i) { return x[i]; }
DEVICE float load(const __half *x, u32 i) { return __half2float(x[i]); }
DEVICE float load(const __nv_bfloat16 *x, u32 i) { return __bfloat162float(x[i]); }
DEVICE void store(float *y, u32 i, float value) { y[i] = value; }
DEVICE void store(__half *y, u32 i, float value) { y[i] = __float2half_rn(value); }
DEVICE void store(__nv_bfloat16 *y, u32 i, float value) { y[i] = __float2bfloat16_rn(value); }

// A number as an element of type T holds it.
template <class T>
DEVICE float rounded(float value) {
    T element[1];
    store(element, 0, value);
    return load(element, 0);
}

// Every index below `count`, shared out over all threads of the grid.
#define FOR_EACH(index, count)                                                                                         \
    for (u32 index = blockIdx.x * blockDim.x + threadIdx.x; index < (count); index += gridDim.x * blockDim.x)

// Every index below `count`, shared out over the threads of a block.
#define FOR_EACH_OF_BLOCK(index, count) for (u32 index = threadIdx.x; index < (count); index += blockDim.x)

// The sum of one number of every thread of a block, for all of them. Blocks have a power of two of threads, 512 at most. The order of
// additions is fixed.
DEVICE double block_sum(double value) {
    __shared__ double parts[512];
    parts[threadIdx.x] = value;
    __syncthreads();
    for (u32 half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) parts[threadIdx.x] += parts[threadIdx.x + half];
        __syncthreads();
    }
    const double total = parts[0];
    __syncthreads();
    return total;
}

// Leaky ReLU of one number; with slope 1 the identity.
DEVICE float activate(float x, float slope) { return x * (x > 0.0f ? 1.0f : slope); }

// Its gradient, from the output's sign.
DEVICE float activation_gradient(float g, float y, float slope) { return g * (y > 0.0f ? 1.0f : slope); }
