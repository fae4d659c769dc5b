// Leaky ReLU and its vector-Jacobian product.
#include "../kernel/common.cuh"

KERNEL leaky_relu_forward(u32 count, const float *x, float slope, float *y) {
    FOR_EACH(i, count) y[i] = activate(x[i], slope);
}

KERNEL leaky_relu_vjp(u32 count, const float *g, const float *y, float slope, float *gx) {
    FOR_EACH(i, count) gx[i] = activation_gradient(g[i], y[i], slope);
}
