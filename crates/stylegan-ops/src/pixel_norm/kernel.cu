// Pixelwise normalization. A block takes 32 neighbouring positions of an image (fewer on smaller maps) through all channels: its threads stand in
// `lanes` columns, one a position, and share the channels.
#include "../kernel/common.cuh"

// The sum over the threads of this thread's column.
DEVICE double column_sum(double value, u32 lanes) {
    __shared__ double parts[512];
    parts[threadIdx.x] = value;
    __syncthreads();
    for (u32 half = blockDim.x / 2; half >= lanes; half /= 2) {
        if (threadIdx.x < half) parts[threadIdx.x] += parts[threadIdx.x + half];
        __syncthreads();
    }
    const double total = parts[threadIdx.x % lanes];
    __syncthreads();
    return total;
}

KERNEL pixel_norm_forward(const float *x, u32 plane, u32 channels, float eps, u32 lanes, u32 tiles, float *y) {
    const u32 image = blockIdx.x / tiles, position = blockIdx.x % tiles * lanes + threadIdx.x % lanes;
    const u32 start = image * channels * plane + position, step = blockDim.x / lanes;
    const bool inside = position < plane;
    double squares = 0.0;
    for (u32 c = threadIdx.x / lanes; inside && c < channels; c += step) {
        const float value = x[start + c * plane];
        squares += value * value;
    }
    const float mean = (float)(column_sum(squares, lanes) / channels);
    const float r = 1.0f / sqrtf(mean + eps);
    for (u32 c = threadIdx.x / lanes; inside && c < channels; c += step) y[start + c * plane] = x[start + c * plane] * r;
}

KERNEL pixel_norm_backward(const float *g, const float *x, u32 plane, u32 channels, float eps, u32 lanes, u32 tiles,
                           float *gx) {
    const u32 image = blockIdx.x / tiles, position = blockIdx.x % tiles * lanes + threadIdx.x % lanes;
    const u32 start = image * channels * plane + position, step = blockDim.x / lanes;
    const bool inside = position < plane;
    double squares = 0.0, products = 0.0;
    for (u32 c = threadIdx.x / lanes; inside && c < channels; c += step) {
        const float value = x[start + c * plane];
        squares += value * value;
        products += g[start + c * plane] * value;
    }
    const float mean = (float)(column_sum(squares, lanes) / channels);
    const float r = 1.0f / sqrtf(mean + eps);
    const float along = (float)(column_sum(products, lanes) / channels) * (r * r * r);
    for (u32 c = threadIdx.x / lanes; inside && c < channels; c += step) {
        const u32 i = start + c * plane;
        gx[i] = g[i] * r - x[i] * along;
    }
}
