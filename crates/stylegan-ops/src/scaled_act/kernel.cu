// Factors of channels, noise, bias and leaky ReLU in one pass. `maps` is 0, 1 or the number of images; `small` holds biases [C] and, with noise, its weights [C].
#include "../kernel/common.cuh"

KERNELS(scaled_act_forward,
        (u32 count, const T *x, const float *s, const float *noise, const float *small, u32 maps, float scale,
         float slope, u32 plane, u32 channels, T *y), {
    FOR_EACH(i, count) {
        const u32 index = i / plane;
        const u32 channel = index % channels;
        // Rounded as the scaled map would be.
        float value = rounded<T>(load(x, i) * s[index]);
        if (maps > 0) {
            const u32 map = maps == 1 ? 0 : index / channels;
            value = value + noise[map * plane + i % plane] * small[channels + channel];
        }
        store(y, i, activate(value + small[channel] * scale, slope));
    }
})

// A block a plane. The gradients of x and of the factors; then for each plane the sum of the activation's gradient, and for each plane that times the noise.
KERNELS(scaled_act_backward,
        (const T *g, const T *x, const T *y, const float *s, const float *noise, u32 maps, float slope, u32 plane,
         u32 channels, T *gx, float *gs, float *sums), {
    const u32 first = blockIdx.x * plane;
    const float *map = noise + (maps > 1 ? blockIdx.x / channels * plane : 0);
    double product = 0.0;
    double sum = 0.0;
    double along = 0.0;
    FOR_EACH_OF_BLOCK(i, plane) {
        const float inside = activation_gradient(load(g, first + i), load(y, first + i), slope);
        const float value = rounded<T>(inside);
        store(gx, first + i, value * s[blockIdx.x]);
        product += value * load(x, first + i);
        sum += inside;
        if (maps > 0) along += inside * map[i];
    }
    product = block_sum(product);
    sum = block_sum(sum);
    along = block_sum(along);
    if (threadIdx.x == 0) {
        gs[blockIdx.x] = (float)product;
        sums[blockIdx.x] = (float)sum;
        sums[gridDim.x + blockIdx.x] = (float)along;
    }
})

// Sums over images: `sums` [2, batch, channels] to [2, channels] behind the element `first` of `out`, the first row times `scale`. With a count of `channels` the
// second row is left out.
KERNEL sums_over_batch(u32 count, const float *sums, u32 batch, u32 channels, float scale, u32 first, float *out) {
    FOR_EACH(i, count) {
        const float *table = sums + i / channels * (batch * channels) + i % channels;
        double sum = 0.0;
        for (u32 n = 0; n < batch; ++n) sum += table[n * channels];
        out[first + i] = (float)sum * (i < channels ? scale : 1.0f);
    }
}
