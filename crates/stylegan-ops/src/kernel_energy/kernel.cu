// The sum of squares of every kernel of a convolution's weight, and its gradient.
#include "../kernel/common.cuh"

KERNEL kernel_energy_forward(u32 count, const float *w, u32 taps, float factor, float *sums) {
    FOR_EACH(i, count) {
        float sum = 0.0f;
        for (u32 t = 0; t < taps; ++t) sum += w[i * taps + t] * w[i * taps + t];
        sums[i] = sum * factor;
    }
}

// count: elements of w.
KERNEL kernel_energy_backward(u32 count, const float *w, const float *g, u32 taps, float factor, float *gw) {
    FOR_EACH(i, count) gw[i] = w[i] * (g[i / taps] * factor);
}
