// Bias and activation in one pass, and the gradients of what follows a convolution, a block a plane.
#include "../kernel/common.cuh"

// y may be x.
KERNELS(bias_act_forward,
        (u32 count, const T *x, const float *bias, float scale, float slope, u32 plane, u32 channels, T *y), {
    FOR_EACH(i, count) store(y, i, activate(load(x, i) + bias[i / plane % channels] * scale, slope));
})

// The gradient of x, and for each plane its sum.
KERNELS(bias_act_backward, (const T *g, const T *y, float slope, u32 plane, T *gx, float *sums), {
    const u32 first = blockIdx.x * plane;
    double sum = 0.0;
    FOR_EACH_OF_BLOCK(i, plane) {
        const float value = activation_gradient(load(g, first + i), load(y, first + i), slope);
        store(gx, first + i, value);
        sum += value;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) sums[blockIdx.x] = (float)sum;
})

KERNELS(plane_sums, (const T *g, u32 plane, float *sums), {
    double sum = 0.0;
    FOR_EACH_OF_BLOCK(i, plane) sum += load(g, blockIdx.x * plane + i);
    sum = block_sum(sum);
    if (threadIdx.x == 0) sums[blockIdx.x] = (float)sum;
})
