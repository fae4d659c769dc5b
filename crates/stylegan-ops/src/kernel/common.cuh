// What the kernels share. Sizes are 32 bits wide; the launching code refuses larger ones.
#pragma once

typedef unsigned int u32;

#define KERNEL extern "C" __global__ void
#define DEVICE static __device__ __forceinline__

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
