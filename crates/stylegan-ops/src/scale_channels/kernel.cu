// Channels of each image times a factor, and products of channels.
#include "../kernel/common.cuh"

KERNEL scale_channels(u32 count, const float *x, const float *s, u32 plane, float *y) {
    FOR_EACH(i, count) y[i] = x[i] * s[i / plane];
}

KERNEL channel_dot(const float *a, const float *b, u32 plane, float *d) {
    const u32 first = blockIdx.x * plane;
    double sum = 0.0;
    FOR_EACH_OF_BLOCK(i, plane) sum += a[first + i] * b[first + i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) d[blockIdx.x] = (float)sum;
}
