// Leaky ReLU and its vector-Jacobian product.
#include "../kernel/common.cuh"

KERNELS(leaky_relu_forward, (u32 count, const T *x, float slope, T *y), {
    FOR_EACH(i, count) store(y, i, activate(load(x, i), slope));
})

KERNELS(leaky_relu_vjp, (u32 count, const T *g, const T *y, float slope, T *gx), {
    FOR_EACH(i, count) store(gx, i, activation_gradient(load(g, i), load(y, i), slope));
})
