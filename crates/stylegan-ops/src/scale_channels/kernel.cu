// Channels of each image times a factor, and products of channels.
#include "../kernel/common.cuh"

KERNELS(scale_channels, (u32 count, const T *x, const float *s, u32 plane, T *y), {
    FOR_EACH(i, count) store(y, i, load(x, i) * s[i / plane]);
})

KERNELS(channel_dot, (const T *a, const T *b, u32 plane, float *d), {
    const u32 first = blockIdx.x * plane;
    double sum = 0.0;
    FOR_EACH_OF_BLOCK(i, plane) sum += load(a, first + i) * load(b, first + i);
    sum = block_sum(sum);
    if (threadIdx.x == 0) d[blockIdx.x] = (float)sum;
})
