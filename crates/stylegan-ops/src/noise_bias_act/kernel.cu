// Noise, bias and leaky ReLU in one pass. `maps` is 1, or the number of images.
#include "../kernel/common.cuh"

KERNEL noise_bias_act_forward(u32 count, const float *x, const float *noise, const float *weight, const float *bias,
                              float scale, float slope, u32 plane, u32 channels, u32 maps, float *y) {
    FOR_EACH(i, count) {
        const u32 index = i / plane, channel = index % channels;
        const u32 map = maps == 1 ? 0 : index / channels;
        const float noisy = x[i] + noise[map * plane + i % plane] * weight[channel];
        y[i] = activate(noisy + bias[channel] * scale, slope);
    }
}

// A block a plane. out: the gradient of x, then for each plane its sum, then for each plane its sum times the noise.
KERNEL noise_bias_act_backward(u32 count, u32 planes, const float *g, const float *y, const float *noise, float slope,
                               u32 plane, u32 channels, u32 maps, float *out) {
    const u32 first = blockIdx.x * plane;
    const float *map = noise + (maps == 1 ? 0 : blockIdx.x / channels * plane);
    double sum = 0.0, along = 0.0;
    FOR_EACH_OF_BLOCK(i, plane) {
        const float gx = activation_gradient(g[first + i], y[first + i], slope);
        out[first + i] = gx;
        sum += gx;
        along += gx * map[i];
    }
    sum = block_sum(sum);
    along = block_sum(along);
    if (threadIdx.x == 0) {
        out[count + blockIdx.x] = (float)sum;
        out[count + planes + blockIdx.x] = (float)along;
    }
}
