// Statistics, style and gradient of one plane, which a block takes. The statistics take two passes over the plane; the second one finds it in a cache.
#pragma once

#include "../kernel/common.cuh"

// The mean of a plane, and one over its standard deviation.
template <class T>
DEVICE void plane_statistics(const T *x, u32 plane, double eps, float *mean, float *inverse) {
    double sum = 0.0;
    FOR_EACH_OF_BLOCK(i, plane) sum += load(x, i);
    const double centre = block_sum(sum) / plane;
    double squares = 0.0;
    FOR_EACH_OF_BLOCK(i, plane) {
        const float d = load(x, i) - (float)centre;
        squares += d * d;
    }
    const double variance = block_sum(squares) / plane;
    *mean = (float)centre;
    *inverse = (float)(1.0 / sqrt(variance + eps));
}

// The factor and the summand of a plane's style, which lies in a row [2 channels] for each image.
DEVICE void plane_style(const float *style, u32 channels, float *factor, float *shift) {
    const u32 channel = blockIdx.x % channels;
    const float *row = style + blockIdx.x / channels * (2 * channels);
    *factor = row[channel] + 1.0f;
    *shift = row[channels + channel];
}

// What a plane's gradient is made of: h is the normalized x.
struct AdainGradient {
    float mean, inverse, factor, g_mean, g_along;
};

// Sums a plane, and writes the gradient of the style if there is one.
template <class T>
DEVICE AdainGradient adain_gradient(const T *g, const T *x, const float *style, u32 styled, u32 plane, u32 channels,
                                    double eps, float *gstyle) {
    AdainGradient of;
    plane_statistics(x, plane, eps, &of.mean, &of.inverse);
    double sum = 0.0, along = 0.0;
    FOR_EACH_OF_BLOCK(i, plane) {
        const float h = (load(x, i) - of.mean) * of.inverse;
        sum += load(g, i);
        along += load(g, i) * h;
    }
    sum = block_sum(sum);
    along = block_sum(along);
    of.factor = of.inverse;
    if (styled) {
        float factor, shift;
        plane_style(style, channels, &factor, &shift);
        of.factor = of.inverse * factor;
        if (threadIdx.x == 0) {
            float *row = gstyle + blockIdx.x / channels * (2 * channels);
            row[blockIdx.x % channels] = (float)along;
            row[channels + blockIdx.x % channels] = (float)sum;
        }
    }
    of.g_mean = (float)(sum / plane);
    of.g_along = (float)(along / plane);
    return of;
}

DEVICE float adain_gradient_at(AdainGradient of, float g, float x) {
    const float h = (x - of.mean) * of.inverse;
    return ((g - of.g_mean) - h * of.g_along) * of.factor;
}
