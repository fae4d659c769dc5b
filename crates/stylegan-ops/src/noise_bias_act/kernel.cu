// Noise, bias and leaky ReLU in one pass. `maps` is 1, or the number of images.
#include "../kernel/common.cuh"

KERNELS(noise_bias_act_forward,
        (u32 count, const T *x, const float *noise, const float *weight, const float *bias, float scale, float slope,
         u32 plane, u32 channels, u32 maps, T *y), {
    FOR_EACH(i, count) {
        const u32 index = i / plane;
        const u32 channel = index % channels;
        const u32 map = maps == 1 ? 0 : index / channels;
        const float noisy = load(x, i) + noise[map * plane + i % plane] * weight[channel];
        store(y, i, activate(noisy + bias[channel] * scale, slope));
    }
})

// A block a plane. The gradient of x; then for each plane its sum, and for each plane its sum times the noise.
KERNELS(noise_bias_act_backward,
        (u32 planes, const T *g, const T *y, const float *noise, float slope, u32 plane, u32 channels, u32 maps, T *gx,
         float *sums), {
    const u32 first = blockIdx.x * plane;
    const float *map = noise + (maps == 1 ? 0 : blockIdx.x / channels * plane);
    double sum = 0.0;
    double along = 0.0;
    FOR_EACH_OF_BLOCK(i, plane) {
        const float value = activation_gradient(load(g, first + i), load(y, first + i), slope);
        store(gx, first + i, value);
        sum += value;
        along += value * map[i];
    }
    sum = block_sum(sum);
    along = block_sum(along);
    if (threadIdx.x == 0) {
        sums[blockIdx.x] = (float)sum;
        sums[planes + blockIdx.x] = (float)along;
    }
})
