// Instance normalization, alone and with a style, a block a plane.
#include "../kernel/common.cuh"
#include "plane.cuh"

// styled: whether there is a style.
KERNELS(adain_forward, (const T *x, const float *style, u32 styled, u32 plane, u32 channels, double eps, T *y), {
    const T *from = x + blockIdx.x * plane;
    float mean;
    float inverse;
    float factor = 1.0f;
    float shift = 0.0f;
    plane_statistics(from, plane, eps, &mean, &inverse);
    if (styled) plane_style(style, channels, &factor, &shift);
    factor = inverse * factor;
    T *to = y + blockIdx.x * plane;
    FOR_EACH_OF_BLOCK(i, plane) store(to, i, (load(from, i) - mean) * factor + shift);
})

// The gradient of x, and with a style its gradient.
KERNELS(adain_backward,
        (const T *g, const T *x, const float *style, u32 styled, u32 plane, u32 channels, double eps, T *gx,
         float *gstyle), {
    const u32 first = blockIdx.x * plane;
    const AdainGradient of = adain_gradient(g + first, x + first, style, styled, plane, channels, eps, gstyle);
    FOR_EACH_OF_BLOCK(i, plane) {
        store(gx, first + i, adain_gradient_at(of, load(g, first + i), load(x, first + i)));
    }
})
