// Bias and activation in one pass, and the gradients of what follows a convolution, a block a plane.
#include "../kernel/common.cuh"

KERNEL bias_act_forward(u32 count, const float *x, const float *bias, float scale, float slope, u32 plane, u32 channels,
                        float *y) {
    FOR_EACH(i, count) y[i] = activate(x[i] + bias[i / plane % channels] * scale, slope);
}

// out: the gradient of x, then for each plane its sum.
KERNEL bias_act_backward(u32 count, const float *g, const float *y, float slope, u32 plane, float *out) {
    const u32 first = blockIdx.x * plane;
    double sum = 0.0;
    FOR_EACH_OF_BLOCK(i, plane) {
        const float gx = activation_gradient(g[first + i], y[first + i], slope);
        out[first + i] = gx;
        sum += gx;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) out[count + blockIdx.x] = (float)sum;
}

KERNEL plane_sums(const float *g, u32 plane, float *sums) {
    double sum = 0.0;
    FOR_EACH_OF_BLOCK(i, plane) sum += g[blockIdx.x * plane + i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) sums[blockIdx.x] = (float)sum;
}
