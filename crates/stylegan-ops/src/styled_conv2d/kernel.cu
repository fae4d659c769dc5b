// What follows the convolution of a layer of StyleGAN's synthesis network, a block a plane: noise, bias and leaky ReLU, then normalization and style.
// `maps` is 0, 1 or the number of images. `small` holds styles [N, 2 C], biases [C] and, with noise, its weights [C].
#include "../instance_norm/plane.cuh"
#include "../kernel/common.cuh"

// Where the biases lie: a block is a plane.
DEVICE u32 biases_of() { return 2 * gridDim.x; }

// Where the noise map of a plane begins.
DEVICE u32 map_of_plane(u32 maps, u32 plane, u32 channels) {
    return maps > 1 ? blockIdx.x / channels * plane : 0;
}

// x becomes the activated map, and y the normalized and styled one.
KERNELS(styled_epilogue_forward,
        (T *x, const float *noise, const float *small, u32 maps, float slope, u32 plane, u32 channels, double eps,
         T *y), {
    T *activated = x + blockIdx.x * plane;
    const float *map = noise + map_of_plane(maps, plane, channels);
    const float *bias = small + biases_of() + blockIdx.x % channels;
    FOR_EACH_OF_BLOCK(i, plane) {
        float value = load(activated, i);
        if (maps > 0) value = value + map[i] * bias[channels];
        store(activated, i, activate(value + bias[0], slope));
    }
    float mean;
    float inverse;
    float factor;
    float shift;
    // Every thread reads what it wrote itself.
    plane_statistics(activated, plane, eps, &mean, &inverse);
    plane_style(small, channels, &factor, &shift);
    factor = inverse * factor;
    T *to = y + blockIdx.x * plane;
    FOR_EACH_OF_BLOCK(i, plane) store(to, i, (load(activated, i) - mean) * factor + shift);
})

// From the gradient of y to that of the convolution's result, and of the styles to the beginning of `gsmall`. For each plane the gradient's sum, then for each
// plane its sum times the noise.
KERNELS(styled_epilogue_backward,
        (const T *g, const T *activated, const float *noise, const float *small, u32 maps, float slope, u32 plane,
         u32 channels, double eps, T *gx, float *gsmall, float *sums), {
    const u32 first = blockIdx.x * plane;
    const float *map = noise + map_of_plane(maps, plane, channels);
    const AdainGradient of =
        adain_gradient(g + first, activated + first, small, 1, plane, channels, eps, gsmall);
    double sum = 0.0;
    double along = 0.0;
    FOR_EACH_OF_BLOCK(i, plane) {
        const float a = load(activated, first + i);
        const float value = activation_gradient(adain_gradient_at(of, load(g, first + i), a), a, slope);
        store(gx, first + i, value);
        sum += value;
        if (maps > 0) along += value * map[i];
    }
    sum = block_sum(sum);
    along = block_sum(along);
    if (threadIdx.x == 0) {
        sums[blockIdx.x] = (float)sum;
        sums[gridDim.x + blockIdx.x] = (float)along;
    }
})
