// A limit of activations and its vector-Jacobian product.
#include "../kernel/common.cuh"

// Comparisons let through what is not a number.
KERNELS(clamp_forward, (u32 count, const T *x, float limit, T *y), {
    FOR_EACH(i, count) {
        const float value = load(x, i);
        store(y, i, value > limit ? limit : value < -limit ? -limit : value);
    }
})

KERNELS(clamp_vjp, (u32 count, const T *g, const T *y, float limit, T *gx), {
    FOR_EACH(i, count) store(gx, i, fabsf(load(y, i)) < limit ? load(g, i) : 0.0f);
})
