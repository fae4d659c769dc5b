// Instance normalization, alone and with a style, a block a plane. The statistics take two passes over the plane; the second one finds it in a cache.
#include "../kernel/common.cuh"

// The mean of a plane, and one over its standard deviation.
DEVICE void plane_statistics(const float *x, u32 plane, double eps, float *mean, float *inverse) {
    double sum = 0.0;
    FOR_EACH_OF_BLOCK(i, plane) sum += x[i];
    const double centre = block_sum(sum) / plane;
    double squares = 0.0;
    FOR_EACH_OF_BLOCK(i, plane) {
        const float d = x[i] - (float)centre;
        squares += d * d;
    }
    const double variance = block_sum(squares) / plane;
    *mean = (float)centre;
    *inverse = (float)(1.0 / sqrt(variance + eps));
}

// styled: whether there is a style [N, 2 channels].
KERNEL adain_forward(const float *x, const float *style, u32 styled, u32 plane, u32 channels, double eps, float *y) {
    const float *from = x + blockIdx.x * plane;
    float mean, inverse, factor = 1.0f, shift = 0.0f;
    plane_statistics(from, plane, eps, &mean, &inverse);
    if (styled) {
        const u32 channel = blockIdx.x % channels;
        const float *row = style + blockIdx.x / channels * (2 * channels);
        factor = row[channel] + 1.0f;
        shift = row[channels + channel];
    }
    factor = inverse * factor;
    float *to = y + blockIdx.x * plane;
    FOR_EACH_OF_BLOCK(i, plane) to[i] = (from[i] - mean) * factor + shift;
}

// out: the gradient of x, then with a style its gradient.
KERNEL adain_backward(u32 count, const float *g, const float *x, const float *style, u32 styled, u32 plane,
                      u32 channels, double eps, float *out) {
    const u32 first = blockIdx.x * plane;
    float mean, inverse;
    plane_statistics(x + first, plane, eps, &mean, &inverse);
    double sum = 0.0, along = 0.0;
    FOR_EACH_OF_BLOCK(i, plane) {
        const float h = (x[first + i] - mean) * inverse;
        sum += g[first + i];
        along += g[first + i] * h;
    }
    sum = block_sum(sum);
    along = block_sum(along);
    float factor = inverse;
    if (styled) {
        const u32 channel = blockIdx.x % channels, row = blockIdx.x / channels * (2 * channels);
        factor = inverse * (style[row + channel] + 1.0f);
        if (threadIdx.x == 0) {
            out[count + row + channel] = (float)along;
            out[count + row + channels + channel] = (float)sum;
        }
    }
    const float g_mean = (float)(sum / plane), g_along = (float)(along / plane);
    FOR_EACH_OF_BLOCK(i, plane) {
        const float h = (x[first + i] - mean) * inverse;
        out[first + i] = ((g[first + i] - g_mean) - h * g_along) * factor;
    }
}
